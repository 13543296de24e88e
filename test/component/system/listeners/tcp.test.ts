import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, expect, test } from 'vitest';
import { parseListen } from '../../../../lib/options/listen.js';
import { openListeners } from '../../../../lib/system/listeners/open.js';
import { closeListeners, type OpenListener } from '../../../../lib/system/open-listener.js';
import type { Sharing } from '../../../../lib/types.js';
import { native } from '../../../helpers/addon.js';
import { recordingLog } from '../../../helpers/fake-native.js';
import { openFds } from '../../../helpers/processes.js';
import { testWhen } from '../../../helpers/skip.js';
import { hasPrivilegedPorts, unprivileged } from '../../../helpers/unprivileged.js';

const hasIPv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));
/** `fe80::1%eth0`, of whatever interface has one. */
const linkLocal = Object.entries(networkInterfaces())
  .flatMap(([name, list = []]) => list.map(({ address }) => `${address}%${name}`))
  .find((address) => address.startsWith('fe80:'));
const opened: OpenListener[] = [];
afterEach(() => closeListeners(opened.splice(0)));

async function open(listen: unknown, sharing: Sharing = 'shared'): Promise<OpenListener[]> {
  const context = { native, sharing, slots: 4, log: recordingLog(), env: {}, pid: process.pid };
  const listeners = await openListeners(parseListen(listen), context);
  opened.push(...listeners);
  return listeners;
}

function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Resolves when the kernel has completed the handshake: no process accepts. */
async function reaches(host: string, port: number | undefined): Promise<void> {
  const socket = connect({ host, port: port ?? 0 });
  await once(socket, 'connect');
  socket.destroy();
  await once(socket, 'close');
}

function sockets(): string[] {
  return [...openFds().values()].filter((target) => target.startsWith('socket:')).sort();
}

test("C2 '127.0.0.1:0' is a listener with an address, a port and one descriptor for workers", async () => {
  const [listener, ...others] = await open('127.0.0.1:0');
  expect(others).toEqual([]);
  expect(listener?.address).toMatchObject({ name: '0', family: 'IPv4', address: '127.0.0.1' });
  expect(listener?.address.port).toBeGreaterThan(0);
  expect(native.inspectListener(listener?.fd ?? -1)).toMatchObject({
    family: 'IPv4',
    type: 'stream',
    listening: true,
    nonBlocking: true,
    closeOnExec: true,
    port: listener?.address.port,
  });
  await reaches('127.0.0.1', listener?.address.port);
});

testWhen(hasIPv6, 'needs IPv6')('no host listens for IPv4 and IPv6 with one socket', async () => {
  const [listener] = await open(0);
  expect(listener?.address).toMatchObject({ family: 'IPv6', address: '::' });
  await reaches('127.0.0.1', listener?.address.port);
  await reaches('::1', listener?.address.port);
});

testWhen(hasIPv6, 'needs IPv6')('tcp4 and tcp6 listeners can have the same port', async () => {
  const [four] = await open({ host: '0.0.0.0', port: 0 });
  const [six] = await open({ port: four?.address.port, network: 'tcp6' });
  expect(six?.address).toEqual({ name: '0', family: 'IPv6', address: '::', port: four?.address.port });
});

testWhen(linkLocal !== undefined, 'needs a link-local address')('an address with a zone is bound', async () => {
  const [listener] = await open(`[${linkLocal}]:0`);
  expect(listener?.address.address).toBe(linkLocal);
  await reaches(linkLocal ?? '', listener?.address.port);
});

test('a host name is resolved here', async () => {
  const [listener] = await open({ host: 'localhost', port: 0, network: 'tcp4' });
  expect(listener?.address).toMatchObject({ family: 'IPv4', address: '127.0.0.1' });
});

test('C3 a port that is taken is EADDRINUSE with syscall, address and port, and nothing stays open', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address() as AddressInfo;
  const before = sockets();
  for (const sharing of ['shared', 'reuseport'] as const) {
    expect(await errorOf(open(['127.0.0.1:0', `127.0.0.1:${port}`], sharing))).toMatchObject({
      code: 'EADDRINUSE',
      errno: -98,
      syscall: expect.stringMatching(/^(bind|listen)$/) as string,
      address: '127.0.0.1',
      port,
      message: expect.stringContaining(`127.0.0.1:${port} (another process`) as string,
    });
    expect(sockets()).toEqual(before);
  }
  holder.close();
  await once(holder, 'close');
});

test('an address of another machine is EADDRNOTAVAIL', async () => {
  expect(await errorOf(open('192.0.2.1:0'))).toMatchObject({
    code: 'EADDRNOTAVAIL',
    syscall: 'bind',
    address: '192.0.2.1',
  });
});

test('a name that does not exist is an error of getaddrinfo, and nothing stays open', async () => {
  const before = sockets();
  // Without any name server the answer is EAI_AGAIN.
  expect(await errorOf(open(['127.0.0.1:0', 'no-such-host.invalid:80']))).toMatchObject({
    code: expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN)$/) as string,
    syscall: 'getaddrinfo',
    hostname: 'no-such-host.invalid',
    message: expect.stringContaining("'listen[1]'") as string,
  });
  expect(sockets()).toEqual(before);
});

testWhen(hasPrivilegedPorts, 'every port is free for all')('a low port without the capability is EACCES', async () => {
  expect(await unprivileged(() => errorOf(open('127.0.0.1:1')))).toMatchObject({
    code: 'EACCES',
    message: expect.stringContaining('CAP_NET_BIND_SERVICE') as string,
  });
});

test.each(['shared', 'reuseport'] as const)('a second master on the same address is refused (%s)', async (sharing) => {
  const [first] = await open('127.0.0.1:0', sharing);
  for (const second of ['shared', 'reuseport'] as const) {
    const error = await errorOf(open(`127.0.0.1:${first?.address.port}`, second));
    expect(error).toMatchObject({ code: 'EADDRINUSE', port: first?.address.port });
  }
});

test('C17 reuseport: the address equals the request, port 0 is one number that sockets of workers share', async () => {
  const [listener] = await open('127.0.0.1:0', 'reuseport');
  expect(listener).toMatchObject({ fd: null, wire: { address: '127.0.0.1', port: listener?.address.port } });
  const request = { family: 'IPv4', address: '127.0.0.1', port: listener?.address.port ?? 0, backlog: 16 } as const;
  const workers = [1, 2].map(() => native.listen({ ...request, ipv6Only: false, reusePort: true }));
  await reaches('127.0.0.1', listener?.address.port);
  for (const { fd } of workers) native.closeFd(fd);
});

test('C23 opening and closing leaves no descriptor, 50 times', async () => {
  const before = sockets();
  for (let round = 0; round < 50; round++) {
    closeListeners(await open([0, '127.0.0.1:0']));
    closeListeners(await open([0, '127.0.0.1:0'], 'reuseport'));
  }
  expect(sockets()).toEqual(before);
});
