import { once } from 'node:events';
import net from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { deferred } from '../../../../lib/common/deferred.js';
import type { WireListener } from '../../../../lib/protocol/protocol.cjs';
import { TURNS, WORDS } from '../../../../lib/protocol/scoreboard.js';
import { acceptRest } from '../../../../lib/worker/drain/last-call.js';
import { posixSystem } from '../../../../lib/worker/system/posix.js';
import { native } from '../../../helpers/addon.js';
import { folderWith } from '../../../helpers/folder.js';
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

test('a full worker waits for a place without a turn of its event loop for a sealed unix socket that is empty', async () => {
  const system = posixSystem(native);
  const path = join(folderWith({}), 'app.sock');
  const { fd } = native.listen({ family: 'unix', path, backlog: 16 });
  const unix: WireListener = {
    family: 'unix',
    address: path,
    fd,
    name: '1',
    boundAs: path,
    backlog: 16,
    ipv6Only: false,
  };
  const tcp = system.adopt([wire(0), unix])[0]?.fd as number;
  onTestFinished(() => native.closeFd(tcp));
  const server = net.createServer().listen({ fd });
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const counts = new Uint32Array(new SharedArrayBuffer(8));
  const lines = system.acceptLines({ counts, board: undefined, sharing: 'shared', log: console, room() {} });
  const line = lines.of(server, () => line?.close());
  const client = net.connect(native.inspectListener(tcp).port as number, '127.0.0.1');
  onTestFinished(() => void client.destroy());
  await once(client, 'connect');
  const words = new Float64Array(new SharedArrayBuffer(8 * WORDS));
  expect(native.timeTurns(words)).toBe(true);

  const { promise: over, resolve } = deferred();
  const LOOKS = 50;
  /** Since newcomers are refused: how often the event loop had turned at each look. */
  const turns: number[] = [];
  let refused = false;
  const refuse = (): void => {
    refused = true;
    system.refuse();
  };
  const finish = (): void => {
    if (refused) turns.push(words[TURNS] as number);
  };
  const call = {
    accepted: () => 0,
    left: () => (turns.length < LOOKS ? 600_000 : 0),
    sealed: () => true,
    undecided: () => false,
    abort: () => {},
  };
  system.seal('all');
  acceptRest({ ...call, queues: { ...system, refuse }, full: () => true, finish }, resolve);
  await over;
  // The first look finds it empty; each takes three turns.
  const [, first = 0, ...more] = turns;
  expect((more.at(-1) as number) - first).toBeLessThan(more.length * 30);
});
