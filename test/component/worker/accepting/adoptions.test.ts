import { once } from 'node:events';
import type { Server as HttpServer, ServerResponse } from 'node:http';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import net from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { linux } from '../../../../lib/addon/narrow.cjs';
import type { WireListener } from '../../../../lib/protocol/protocol.cjs';
import { Admission } from '../../../../lib/worker/accepting/admission.js';
import { Adoptions } from '../../../../lib/worker/accepting/adoptions.js';
import { Drain } from '../../../../lib/worker/drain/drain.js';
import { posixSystem } from '../../../../lib/worker/system/posix.js';
import { native } from '../../../helpers/addon.js';
import { cert, gate, get, key } from '../../../helpers/drain-helpers.js';
import { bounded, connectRaw, eventually, http2Get, httpGet, openFds } from '../../../helpers/index.js';

const BACKLOG = 77;

/** What a slot's socket is to a worker that adopts it. */
interface Shard {
  readonly port: number;
  /** A fresh descriptor, as the master would send it. */
  copy(): number;
  limit(): number;
  depth(): number;
  /** The master's own copy. */
  close(): void;
}

function shard(): Shard {
  const request = { family: 'IPv4', address: '127.0.0.1', port: 0, ipv6Only: false } as const;
  const { fd, port } = native.listen({ ...request, backlog: BACKLOG, reusePort: false });
  let open = true;
  const close = (): void => {
    if (open) native.closeFd(fd);
    open = false;
  };
  onTestFinished(close);
  return {
    port: port ?? 0,
    copy: () => native.dupFd(fd),
    limit: () => linux(native).queueDepth(fd).limit,
    depth: () => linux(native).queueDepth(fd).depth,
    close,
  };
}

interface Worker {
  readonly adoptions: Adoptions;
  readonly drain: Drain;
  readonly logged: string[];
}

/** The adopting side: servers that are tracked by a drain, one for each listener. */
function worker(...servers: (Server | undefined)[]): Worker {
  const drain: Drain = new Drain(undefined, (server, change) => admission.counted(server, change));
  const logged: string[] = [];
  const log = { info: () => {}, warn: (line: string) => logged.push(line), error: (line: string) => logged.push(line) };
  const links = { send: () => {}, succeed: () => {} };
  const admission = new Admission({
    system: posixSystem(native),
    drain,
    log,
    sharing: 'sharded',
    board: undefined,
    ...links,
  });
  for (const server of servers) {
    if (server === undefined) continue;
    drain.track(server);
    admission.track(server);
  }
  drain.allTracked();
  const wires = servers.map(
    (_, i): WireListener => ({
      name: String(i),
      family: 'IPv4',
      address: '127.0.0.1',
      boundAs: '127.0.0.1',
      fd: null,
      backlog: BACKLOG,
      ipv6Only: false,
    }),
  );
  onTestFinished(async () => {
    admission.close();
    drain.begin('stop');
    drain.destroy();
    await drain.finished;
  });
  return {
    adoptions: new Adoptions({ channel: -1, native: linux(native), drain, admission, log, wires, servers }),
    drain,
    logged,
  };
}

const kinds: readonly { readonly kind: string; make(): Server; ask(port: number): Promise<string> }[] = [
  {
    kind: 'net',
    make: () => net.createServer((socket) => socket.end('ok')),
    ask: async (port) => {
      const client = await connectRaw({ port });
      await client.ended();
      return client.received;
    },
  },
  {
    kind: 'http',
    make: () => http.createServer((_, response) => response.end('ok')),
    ask: async (port) => (await httpGet({ port })).body,
  },
  {
    kind: 'https',
    make: () => https.createServer({ key, cert }, (_, response) => response.end('ok')),
    ask: async (port) => (await httpGet({ port, ca: cert })).body,
  },
  {
    kind: 'http2',
    make: () => http2.createServer((_, response) => response.end('ok')) as unknown as Server,
    ask: async (port) => (await http2Get({ port })).body,
  },
  {
    kind: 'http2 over TLS',
    make: () => http2.createSecureServer({ key, cert }, (_, response) => response.end('ok')),
    ask: async (port) => (await http2Get({ port, ca: cert })).body,
  },
];

for (const { kind, make, ask } of kinds) {
  test(`${kind}: connections to an adopted socket are answered by the server of its listener`, async () => {
    const { adoptions, drain, logged } = worker(make());
    const [one, other] = [shard(), shard()];
    expect(adoptions.adopt(1, [{ fd: one.copy(), listener: 0 }])).toBe(true);
    expect(adoptions.adopt(2, [{ fd: other.copy(), listener: 0 }])).toBe(true);
    for (const { port } of [one, other, one]) expect(await ask(port)).toBe('ok');
    drain.begin('stop');
    await bounded(drain.finished, 5_000, 'the drain finishes');
    expect(logged).toEqual([]);
  });
}

test('adoption leaves the backlog of the socket as it was', () => {
  const { adoptions } = worker(http.createServer());
  const queue = shard();
  adoptions.adopt(1, [{ fd: queue.copy(), listener: 0 }]);
  expect(queue.limit()).toBe(BACKLOG);
});

test('a released socket is closed on return, and connections that were accepted from it are answered', async () => {
  const { reached, reach } = gate<ServerResponse>();
  const { adoptions } = worker(http.createServer((_, response) => reach(response)));
  const queue = shard();
  adoptions.adopt(1, [{ fd: queue.copy(), listener: 0 }]);
  const answer = httpGet({ port: queue.port });
  const response = await reached;
  // From here on the helper has the only descriptor.
  queue.close();
  adoptions.release(1);
  await expect(connectRaw({ port: queue.port })).rejects.toThrow('ECONNREFUSED');
  response.end('ok');
  expect((await answer).body).toBe('ok');
});

test('a released socket keeps its queue for the next process that accepts', async () => {
  const { adoptions } = worker(http.createServer((_, response) => response.end('ok')));
  const queue = shard();
  adoptions.adopt(1, [{ fd: queue.copy(), listener: 0 }]);
  adoptions.release(1);
  const answers = Array.from({ length: 5 }, () => httpGet({ port: queue.port }));
  await eventually(() => queue.depth() === 5, { what: 'the connections are queued' });
  adoptions.adopt(1, [{ fd: queue.copy(), listener: 0 }]);
  for (const answer of answers) expect((await answer).body).toBe('ok');
});

test('adoption and release in quick succession leave no descriptor behind', async () => {
  const { adoptions, logged } = worker(http.createServer((_, response) => response.end('ok')));
  const [one, other] = [shard(), shard()];
  const sockets = () => [one, other].map((queue) => ({ fd: queue.copy(), listener: 0 }));
  const before = openFds().size;
  for (let i = 0; i < 100; i++) {
    expect(adoptions.adopt(1, sockets())).toBe(true);
    // Without a release in between, too.
    if (i % 2 === 0) adoptions.release(1);
    if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  for (const { port } of [one, other]) expect((await httpGet({ port })).body).toBe('ok');
  adoptions.release(1);
  adoptions.release(1);
  await eventually(() => openFds().size === before, { what: 'the descriptors are closed' });
  expect(logged).toEqual([]);
});

test('the drain waits for adopted connections and answers them with Connection: close', async () => {
  const { reached, reach } = gate<ServerResponse>();
  const { adoptions, drain } = worker(http.createServer((_, response) => reach(response)));
  const queue = shard();
  adoptions.adopt(1, [{ fd: queue.copy(), listener: 0 }]);
  const client = await connectRaw({ port: queue.port });
  client.write(get());
  const response = await reached;
  queue.close();
  drain.begin('stop');
  // The helper has stopped accepting with the drain.
  await expect(connectRaw({ port: queue.port })).rejects.toThrow('ECONNREFUSED');
  expect(drain.connections).toBe(1);
  response.end('ok');
  await client.until('Connection: close');
  expect(await client.ended()).toBeUndefined();
  await bounded(drain.finished, 5_000, 'the drain finishes');
});

test('a worker that drains adopts nothing, and closes the sockets that it gets', () => {
  const { adoptions, drain } = worker(http.createServer());
  const queue = shard();
  drain.begin('replace');
  const before = openFds().size;
  expect(adoptions.adopt(1, [{ fd: queue.copy(), listener: 0 }])).toBe(false);
  expect(openFds().size).toBe(before);
});

test('sockets of a listener that no server serves are closed, the others are adopted', async () => {
  const { adoptions } = worker(
    undefined,
    http.createServer((_, response) => response.end('ok')),
  );
  const [unserved, served] = [shard(), shard()];
  const before = openFds().size;
  const sockets = [unserved, served].map((queue, listener) => ({ fd: queue.copy(), listener }));
  expect(adoptions.adopt(1, sockets)).toBe(false);
  expect((await httpGet({ port: served.port })).body).toBe('ok');
  adoptions.release(1);
  await eventually(() => openFds().size === before, { what: 'all descriptors are closed' });
});

test('a descriptor that cannot be listened on is reported once, and hurts no other', async () => {
  const { adoptions, logged } = worker(http.createServer((_, response) => response.end('ok')));
  const queue = shard();
  const [read, write] = native.pipe();
  onTestFinished(() => native.closeFd(write));
  const before = openFds().size;
  const sockets = [read, queue.copy()].map((fd) => ({ fd, listener: 0 }));
  expect(adoptions.adopt(3, sockets)).toBe(false);
  expect((await httpGet({ port: queue.port })).body).toBe('ok');
  expect(logged).toEqual([expect.stringMatching(/^cannot accept for slot 3: Error: listen /)]);
  adoptions.release(3);
  // The pipe, which was handed over, is gone with the rest.
  await eventually(() => openFds().size === before - 1, { what: 'all descriptors are closed' });
});

test('adopted connections are treated as the server treats its own', async () => {
  const options = { allowHalfOpen: true, pauseOnConnect: true, noDelay: true, keepAlive: true, highWaterMark: 4_321 };
  const server = net.createServer({ ...options, keepAliveInitialDelay: 7_000 });
  const { adoptions } = worker(server);
  const queue = shard();
  adoptions.adopt(1, [{ fd: queue.copy(), listener: 0 }]);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const traits: unknown[] = [];
  for (const port of [(server.address() as AddressInfo).port, queue.port]) {
    const connection = once(server, 'connection') as Promise<[Socket]>;
    const client = await connectRaw({ port });
    const [socket] = await connection;
    const own = Object.getOwnPropertySymbols(socket).filter((symbol) => /^kSet/.test(symbol.description ?? ''));
    traits.push({
      allowHalfOpen: socket.allowHalfOpen,
      paused: socket.isPaused(),
      highWaterMark: socket.readableHighWaterMark,
      set: own.map((symbol) => [symbol.description, (socket as never)[symbol]]),
    });
    socket.destroy();
    client.close();
  }
  expect(traits[1]).toEqual(traits[0]);
  expect(traits[0]).toMatchObject({ allowHalfOpen: true, paused: true, highWaterMark: 4_321 });
});

test('N4k maxConnections counts own and adopted connections together, and the next one waits in its queue for a place', async () => {
  const server: HttpServer = http.createServer((_, response) => response.end('ok'));
  server.maxConnections = 2;
  const { adoptions, drain } = worker(server);
  const queue = shard();
  adoptions.adopt(1, [{ fd: queue.copy(), listener: 0 }]);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const port = (server.address() as AddressInfo).port;
  const own = await connectRaw({ port });
  const adopted = await connectRaw({ port: queue.port });
  await eventually(() => drain.connections === 2, { what: 'both are accepted' });
  const waiting = [httpGet({ port: queue.port }), httpGet({ port: queue.port }), httpGet({ port })];
  await eventually(() => queue.depth() === 2, { what: 'both are queued' });
  expect(drain.connections).toBe(2);
  own.close();
  expect((await Promise.all(waiting)).map(({ body }) => body)).toEqual(['ok', 'ok', 'ok']);
  adopted.close();
});

test('dropMaxConnection closes the connections beyond maxConnections with a drop event, adopted or not, as Node does it', async () => {
  const server = http.createServer() as HttpServer & { dropMaxConnection?: boolean };
  server.maxConnections = 1;
  server.dropMaxConnection = true;
  const { adoptions, drain } = worker(server);
  const queue = shard();
  adoptions.adopt(1, [{ fd: queue.copy(), listener: 0 }]);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const own = await connectRaw({ port: (server.address() as AddressInfo).port });
  await eventually(() => drain.connections === 1, { what: 'it is accepted' });
  const dropped = once(server, 'drop') as Promise<[net.DropArgument]>;
  const tooMany = await connectRaw({ port: queue.port });
  expect((await dropped)[0]).toMatchObject({ localPort: queue.port, remoteAddress: '127.0.0.1' });
  await tooMany.ended();
  own.close();
});
