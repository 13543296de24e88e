import { once } from 'node:events';
import net from 'node:net';
import { expect, onTestFinished } from 'vitest';
import type { WireListener } from '../../../../lib/protocol/protocol.cjs';
import { posixSystem } from '../../../../lib/worker/system/posix.js';
import { native } from '../../../helpers/addon.js';
import { testOnLinux as test } from '../../../helpers/skip.js';

/** A worker's own sockets: it binds them itself. */
function wire(index: number): WireListener {
  const address = { family: 'IPv4', address: '127.0.0.1', port: 0 } as const;
  return { ...address, fd: null, name: String(index), boundAs: '127.0.0.1', backlog: 16, ipv6Only: false };
}

test('N7o a listener that the program has closed hides nobody who waits at another one', async () => {
  const system = posixSystem(native);
  const [closed, open] = system.adopt([wire(0), wire(1)]).map(({ fd }) => fd as number) as [number, number];
  onTestFinished(() => native.closeFd(open));
  native.closeFd(closed);
  const client = net.connect(native.inspectListener(open).port as number, '127.0.0.1');
  onTestFinished(() => void client.destroy());
  await once(client, 'connect');
  expect(system.queued()).toBe(1);
  expect(system.arriving()).toBe(0);
});
