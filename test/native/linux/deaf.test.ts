import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, expect } from 'vitest';
import type { Fd } from '../../../lib/addon/native.cjs';
import { eventually } from '../../helpers/eventually.js';
import { newcomer, roundTrip } from '../../helpers/newcomers.js';
import { testOnLinux as test } from '../../helpers/skip.js';
import { unprivileged } from '../../helpers/unprivileged.js';
import { errorOf, native, tcp } from '../native-helpers.js';

const open: Fd[] = [];
afterEach(() => {
  for (const fd of open.splice(0)) native.closeFd(fd);
});

for (const { on, hosts, ...address } of [
  { on: 'IPv4', address: '127.0.0.1', hosts: ['127.0.0.1'] },
  { on: 'IPv6', family: 'IPv6', address: '::1', ipv6Only: true, hosts: ['::1'] },
  { on: 'IPv6 and IPv4', family: 'IPv6', address: '::', hosts: ['127.0.0.1', '::1'] },
] as const) {
  test(`a user without privileges makes a socket deaf: clients get no answer, and get in when it hears again (${on})`, async () => {
    await unprivileged(async () => {
      const { fd, port = 0 } = native.listen(tcp(address));
      open.push(fd);
      native.deafenListener(fd, true);
      const waiting = hosts.map((host) => newcomer(port, host));
      await roundTrip();
      expect(waiting.map((socket) => socket.connecting)).toEqual(hosts.map(() => true));
      expect(native.queueDepth(fd).depth).toBe(0);
      native.deafenListener(fd, false);
      // Those that are there already ask again after a second.
      for (const host of hosts) await once(newcomer(port, host), 'connect');
      await eventually(() => native.queueDepth(fd).depth === 2 * hosts.length);
    });
  });
}

test('a connection that a socket accepts once it hears again carries data', async () => {
  const { fd, port = 0 } = native.listen(tcp());
  native.deafenListener(fd, true);
  native.deafenListener(fd, false);
  const server = createServer((socket) => socket.pipe(socket)).listen({ fd });
  const socket = newcomer(port);
  socket.write('echo');
  expect(String((await once(socket, 'data'))[0])).toBe('echo');
  socket.destroy();
  server.close();
});

test('a unix socket cannot be made deaf, and a file is no socket', () => {
  const unix = native.listenAbstract(`\0prefork-deaf-${process.pid}`, 1).fd;
  open.push(unix);
  expect(errorOf(() => native.deafenListener(unix, true))).toMatchObject({ code: 'EAFNOSUPPORT' });
  const file = native.openNull();
  open.push(file);
  expect(errorOf(() => native.deafenListener(file, true))).toMatchObject({ code: 'ENOTSOCK' });
});
