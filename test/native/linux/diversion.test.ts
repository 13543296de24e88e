import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { afterEach, expect } from 'vitest';
import type { Fd } from '../../../lib/addon/native.cjs';
import { freePort } from '../../helpers/free-port.js';
import { newcomer, roundTrip } from '../../helpers/newcomers.js';
import { testOnLinux as test } from '../../helpers/skip.js';
import { unprivileged } from '../../helpers/unprivileged.js';
import { errorOf, failsCleanly, native, tcp } from '../native-helpers.js';

const open = new Set<Fd>();
afterEach(() => {
  for (const fd of open) close(fd);
});

function close(fd: Fd): void {
  open.delete(fd);
  native.closeFd(fd);
}

interface Bound {
  readonly fd: Fd;
  readonly port: number;
}

function listen(overrides: Parameters<typeof tcp>[0] = {}): Bound {
  const { fd, port } = native.listen(tcp(overrides));
  open.add(fd);
  return { fd, port: port as number };
}

async function outcome(socket: Socket): Promise<string> {
  return await Promise.race([
    once(socket, 'connect').then(() => 'connected'),
    new Promise<string>((resolve) =>
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error')),
    ),
  ]);
}

/** While a newcomer's connect() is under way, all queues together hold as many connections as before. */
async function expectUnanswered(port: number, fds: readonly Fd[], host?: string): Promise<Socket> {
  const depth = () => fds.reduce((sum, fd) => sum + native.queueDepth(fd).depth, 0);
  const before = depth();
  const socket = newcomer(port, host);
  await roundTrip();
  expect(socket.connecting).toBe(true);
  expect(depth()).toBe(before);
  return socket;
}

const addresses = [
  { on: 'IPv4', address: '127.0.0.1', hosts: ['127.0.0.1'] },
  { on: 'every address of IPv4', address: '0.0.0.0', hosts: ['127.0.0.1'] },
  { on: 'IPv6', family: 'IPv6', address: '::1', ipv6Only: true, hosts: ['::1'] },
  { on: 'IPv6 and IPv4', family: 'IPv6', address: '::', hosts: ['127.0.0.1', '::1'] },
] as const;

for (const { on, hosts, ...address } of addresses) {
  test(`a user without privileges leads newcomers away from a socket, whose queue stays, and they are refused once both are closed (${on})`, async () => {
    await unprivileged(async () => {
      // Newcomers come again after a second: no other process may have got the port by then.
      const { fd, port } = listen({ ...address, port: await freePort() });
      expect(await outcome(newcomer(port, hosts[0]))).toBe('connected');
      const deaf = native.divertNewcomers([fd]);
      open.add(deaf);
      const newcomers: Promise<string>[] = [];
      for (const host of hosts) newcomers.push(outcome(await expectUnanswered(port, [fd], host)));
      expect(native.queueDepth(fd).depth).toBe(1);
      close(fd);
      close(deaf);
      for (const newcomer of newcomers) expect(await newcomer).toBe('ECONNREFUSED');
    });
  });
}

test('newcomers are led away from all sockets of a group', async () => {
  await unprivileged(async () => {
    const guard = native.guard(tcp());
    open.add(guard.fd);
    const port = guard.port as number;
    const group = Array.from({ length: 3 }, () => listen({ port, reusePort: true }).fd);
    const deaf = native.divertNewcomers(group);
    open.add(deaf);
    for (let i = 0; i < 10; i++) await expectUnanswered(port, group);
    expect(group.map((fd) => native.queueDepth(fd).depth)).toEqual([0, 0, 0]);
  });
});

test('the connections that are open go on, and the address is free for the next master once both sockets are closed', async () => {
  await unprivileged(async () => {
    const { fd, port } = listen();
    const server = createServer((socket) => socket.pipe(socket));
    server.listen({ fd });
    open.delete(fd);
    const before = newcomer(port);
    await once(before, 'connect');
    const deaf = native.divertNewcomers([fd]);
    open.add(deaf);
    before.write('echo');
    expect(String((await once(before, 'data'))[0])).toBe('echo');
    server.close();
    close(deaf);
    const next = listen({ port });
    expect(await outcome(newcomer(next.port))).toBe('connected');
  });
});

test('what is no listening TCP socket is refused, and leaves no descriptor', () => {
  const guard = native.guard(tcp());
  open.add(guard.fd);
  expect(failsCleanly(() => native.divertNewcomers([guard.fd]))).toMatchObject({ code: 'EINVAL' });
  const unix = native.listenAbstract(`\0prefork-diversion-${process.pid}`, 1).fd;
  open.add(unix);
  expect(failsCleanly(() => native.divertNewcomers([unix]))).toMatchObject({ code: 'EAFNOSUPPORT' });
  expect(errorOf(() => native.divertNewcomers([]))).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
});
