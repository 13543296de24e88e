import { once } from 'node:events';
import { afterEach, expect } from 'vitest';
import type { Fd } from '../../../lib/addon/native.cjs';
import { eventually } from '../../helpers/eventually.js';
import { newcomer } from '../../helpers/newcomers.js';
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
  test(`a user without privileges hides a socket from newcomers, which are refused, and the queue stays (${on})`, async () => {
    const { fd, port = 0 } = native.listen(tcp(address));
    open.push(fd);
    await once(newcomer(port, hosts[0]), 'connect');
    await eventually(() => native.queueDepth(fd).depth === 1);
    await unprivileged(() => {
      native.hideListener(fd);
      // Every process that holds the socket may.
      native.hideListener(fd);
    });
    for (const host of hosts) {
      await expect(once(newcomer(port, host), 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    }
    expect(native.queueDepth(fd).depth).toBe(1);
  });
}

test('what is no listening TCP socket cannot be hidden', () => {
  const guard = native.guard(tcp());
  const unix = native.listenAbstract(`\0prefork-hide-${process.pid}`, 1).fd;
  open.push(guard.fd, unix);
  expect(errorOf(() => native.hideListener(guard.fd))).toMatchObject({ code: 'EINVAL' });
  expect(errorOf(() => native.hideListener(unix))).toMatchObject({ code: 'EAFNOSUPPORT' });
});
