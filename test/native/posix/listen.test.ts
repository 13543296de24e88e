import { once } from 'node:events';
import { openSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import type { BoundSocket } from '../../../lib/addon/native.cjs';
import { testOnLinux, testWhen } from '../../helpers/skip.js';
import { errorOf, failsCleanly, native, tcp } from '../native-helpers.js';

const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));

function closing<T>(socket: BoundSocket, body: (socket: BoundSocket) => T): T {
  try {
    return body(socket);
  } finally {
    native.closeFd(socket.fd);
  }
}

test('a TCP listener listens, does not block, is close-on-exec and has a port', () => {
  closing(native.listen(tcp()), (socket) => {
    expect(socket).toMatchObject({ family: 'IPv4', address: '127.0.0.1' });
    expect(socket.port).toBeGreaterThan(0);
    expect(native.inspectListener(socket.fd)).toEqual({
      family: 'IPv4',
      type: 'stream',
      listening: true,
      nonBlocking: true,
      closeOnExec: true,
      reusePort: false,
      ipv6Only: false,
      address: '127.0.0.1',
      port: socket.port,
    });
  });
});

testWhen(hasIpv6, 'needs IPv6')(
  'an IPv6 listener says whether it takes IPv4, whatever the system default is',
  async () => {
    for (const ipv6Only of [true, false]) {
      const socket = native.listen(tcp({ family: 'IPv6', address: '::', ipv6Only }));
      expect(socket).toMatchObject({ family: 'IPv6', address: '::' });
      expect(native.inspectListener(socket.fd)).toMatchObject({ family: 'IPv6', ipv6Only });
      const client = connect(socket.port as number, '127.0.0.1');
      const outcome = await Promise.race([
        once(client, 'connect').then(() => 'connected'),
        once(client, 'error').then(([error]) => (error as NodeJS.ErrnoException).code),
      ]).catch((error: NodeJS.ErrnoException) => error.code);
      client.destroy();
      native.closeFd(socket.fd);
      expect(outcome).toBe(ipv6Only ? 'ECONNREFUSED' : 'connected');
    }
  },
);

testOnLinux('the backlog is the limit of the accept queue, and can be put back in force', () => {
  closing(native.listen(tcp({ backlog: 17 })), ({ fd }) => {
    expect(native.queueDepth(fd)).toEqual({ depth: 0, limit: 17 });
    native.setBacklog(fd, 23);
    expect(native.queueDepth(fd)).toEqual({ depth: 0, limit: 23 });
  });
});

testOnLinux('the depth of an accept queue counts connections that no process has accepted', async () => {
  const { fd, port } = native.listen(tcp());
  const clients = Array.from({ length: 5 }, () => connect(port as number, '127.0.0.1'));
  await Promise.all(clients.map((client) => once(client, 'connect')));
  expect(native.queueDepth(fd).depth).toBe(5);
  for (const client of clients) client.destroy();
  native.closeFd(fd);
});

test('a server of Node serves on a listener made here', async () => {
  const { fd, port } = native.listen(tcp());
  const server: Server = createServer((socket) => socket.end('hello'));
  server.listen({ fd });
  await once(server, 'listening');
  const client = connect(port as number, '127.0.0.1');
  const [data] = (await once(client, 'data')) as [Buffer];
  expect(data.toString()).toBe('hello');
  client.destroy();
  await new Promise((resolve) => server.close(resolve));
});

test('a taken port is EADDRINUSE of bind, in the shape of Node, and leaves no descriptor behind', () => {
  closing(native.listen(tcp()), ({ port }) => {
    const error = failsCleanly(() => native.listen(tcp({ port: port as number })));
    expect(error).toMatchObject({ code: 'EADDRINUSE', errno: -98, syscall: 'bind', address: '127.0.0.1', port });
    expect(error.message).toMatch(`bind EADDRINUSE: address already in use 127.0.0.1:${port}`);
    expect(error).toBeInstanceOf(Error);
  });
});

test('an address of another machine is EADDRNOTAVAIL and leaves no descriptor behind', () => {
  const error = failsCleanly(() => native.listen(tcp({ address: '192.0.2.1' })));
  expect(error).toMatchObject({ code: 'EADDRNOTAVAIL', syscall: 'bind', address: '192.0.2.1' });
});

test('what is no numeric address of the family is refused and leaves no descriptor behind', () => {
  for (const bad of [tcp({ address: 'localhost' }), tcp({ address: '::1' }), tcp({ address: '' })]) {
    expect(failsCleanly(() => native.listen(bad))).toMatchObject({ code: 'EINVAL', syscall: 'getaddrinfo' });
  }
});

test('arguments of the wrong type are TypeErrors that name the argument', () => {
  const cases: [string, () => unknown][] = [
    ['request', () => native.listen(undefined as never)],
    ['port', () => native.listen(tcp({ port: 65536 }))],
    ['port', () => native.listen(tcp({ port: Number.NaN }))],
    ['port', () => native.listen(tcp({ port: 1.5 }))],
    ['backlog', () => native.listen(tcp({ backlog: -1 }))],
    ['address', () => native.listen(tcp({ address: '127.0.0.1\0' }))],
    ['family', () => native.listen(tcp({ family: 'IPv5' as never }))],
    ['reusePort', () => native.listen(tcp({ reusePort: 1 as never }))],
    ['fd', () => native.inspectListener(-1)],
    ['fd', () => native.closeFd('3' as never)],
    ['path', () => native.probeUnix(5 as never)],
  ];
  for (const [name, body] of cases) {
    const error = failsCleanly(body);
    expect(error).toBeInstanceOf(TypeError);
    expect(error.code).toBe('ERR_INVALID_ARG_VALUE');
    expect(error.message).toContain(`"${name}"`);
  }
});

test('sockets with SO_REUSEPORT share a port, and say so', () => {
  closing(native.listen(tcp({ reusePort: true })), ({ fd, port }) => {
    expect(native.inspectListener(fd).reusePort).toBe(true);
    closing(native.listen(tcp({ reusePort: true, port: port as number })), (second) => {
      expect(second.port).toBe(port);
    });
  });
});

test('300 listeners on port 0 get 300 ports', () => {
  const sockets = Array.from({ length: 300 }, () => native.listen(tcp()));
  expect(new Set(sockets.map(({ port }) => port)).size).toBe(300);
  for (const { fd } of sockets) native.closeFd(fd);
});

test('inspecting distinguishes a listener from everything else', () => {
  const [a, b] = native.socketPair();
  expect(native.inspectListener(a)).toMatchObject({ family: 'unix', type: 'stream', listening: false, address: '' });
  const [readEnd, writeEnd] = native.pipe();
  expect(native.inspectListener(readEnd)).toMatchObject({ family: 'other', type: 'other', listening: false });
  const file = openSync('/dev/null', 'r');
  expect(native.inspectListener(file)).toMatchObject({ family: 'other', listening: false, nonBlocking: false });
  for (const fd of [a, b, readEnd, writeEnd, file]) native.closeFd(fd);
  expect(errorOf(() => native.inspectListener(file))).toMatchObject({ code: 'EBADF', syscall: 'fcntl' });
});

testOnLinux('the accept queue of what is no listener is an error, not a number', () => {
  const [a, b] = native.socketPair();
  expect(errorOf(() => native.queueDepth(a))).toMatchObject({ code: 'EINVAL', syscall: 'sock_diag' });
  native.closeFd(a);
  native.closeFd(b);
  const guard = native.guard(tcp());
  expect(errorOf(() => native.queueDepth(guard.fd))).toMatchObject({ code: 'EINVAL' });
  native.closeFd(guard.fd);
});

testOnLinux('putting a backlog in force never makes a listener out of a guard', () => {
  closing(native.guard(tcp()), ({ fd }) => {
    expect(failsCleanly(() => native.setBacklog(fd, 5))).toMatchObject({ code: 'EINVAL', syscall: 'listen' });
    expect(native.inspectListener(fd).listening).toBe(false);
  });
});
