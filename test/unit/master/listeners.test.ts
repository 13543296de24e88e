import { expect, test } from 'vitest';
import type { Asking } from '../../../lib/master/addresses/address.js';
import { Listeners } from '../../../lib/master/listeners.js';
import { Monitors } from '../../../lib/master/monitors/monitors.js';
import type { WorkerHandle } from '../../../lib/master/workers/worker-handle.js';
import { resolveOptions } from '../../../lib/options/resolve.js';
import type { FleetState } from '../../../lib/types.js';
import { FakeSystem, settle } from '../../helpers/fake-system.js';

function fixture() {
  const system = new FakeSystem();
  const log: string[] = [];
  const write = (line: string) => void log.push(line);
  const world = { state: 'starting' as FleetState };
  const listeners = new Listeners({
    settings: resolveOptions({ serve: () => {}, listen: '127.0.0.1:0' }, '0'),
    system,
    log: { info: write, warn: write, error: write },
    monitors: new Monitors(),
    state: () => world.state,
    ending: () => world.state === 'stopping',
  });
  return { listeners, system, log, world };
}

test('sockets that are open only when the fleet is over are closed at once', async () => {
  const { listeners, system } = fixture();
  const begun = listeners.begin();
  listeners.over();
  expect(await begun).toBe(false);
  expect(system.closedListeners).toBe(1);
});

test('a fleet that ends reports no queue, because the numbers of its descriptors may belong to other files', async () => {
  const { listeners, world } = fixture();
  expect(await listeners.begin()).toBe(true);
  expect(listeners.queues).toHaveLength(1);
  world.state = 'stopping';
  expect(listeners.queues).toEqual([]);
  expect(listeners.open).toHaveLength(1);
});

test('what workers ask for is one of the listeners, and logged as such once the fleet is announced', async () => {
  const { listeners, log, world } = fixture();
  await listeners.begin();
  await listeners.takeRequests(true);
  const worker = {
    place: { slot: 0, generation: 0 },
    state: 'ready',
    gone: new Promise<void>(() => {}),
    reply: () => 'sent',
    lease: (listener) => listener,
  } satisfies Asking as unknown as WorkerHandle;
  const ask = async (id: number, port: number) => {
    const want = { kind: 'tcp', port, index: 0, ipv6Only: false } as const;
    listeners.asked?.hear(worker, { type: 'wants-listener', id, want });
    await settle();
  };
  await ask(1, 81);
  expect(listeners.open).toHaveLength(2);
  expect(log).toEqual([]);
  world.state = 'running';
  await ask(2, 82);
  expect(log).toEqual([expect.stringMatching(/^listening on .*, too$/)]);
});

test('a worker that asks for a listener when those of a fleet that stops are closed is given no descriptor, but the reason', async () => {
  const { listeners, world } = fixture();
  await listeners.begin();
  await listeners.takeRequests(true);
  const told: (readonly [string, readonly number[]])[] = [];
  const worker = {
    place: { slot: 0, generation: 0 },
    state: 'starting',
    gone: new Promise<void>(() => {}),
    reply: (_, text, fds) => {
      told.push([text, fds]);
      return 'sent';
    },
    lease: (listener) => listener,
  } satisfies Asking as unknown as WorkerHandle;
  const ask = async (id: number) => {
    const want = { kind: 'tcp', port: 81, index: 0, ipv6Only: false } as const;
    listeners.asked?.hear(worker, { type: 'wants-listener', id, want });
    await settle();
  };
  await ask(1);
  world.state = 'stopping';
  listeners.close();
  await ask(2);
  expect(told.map(([text, fds]) => [Object.keys(JSON.parse(text)), fds])).toEqual([
    [['listener'], [20]],
    [['error'], []],
  ]);
  listeners.over();
});
