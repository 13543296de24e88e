import { expect, test } from 'vitest';
import { deferred } from '../../../lib/common/deferred.js';
import type { Asking } from '../../../lib/master/addresses/address.js';
import { Listeners } from '../../../lib/master/listeners.js';
import { Monitors } from '../../../lib/master/monitors/monitors.js';
import type { WorkerHandle } from '../../../lib/master/workers/worker-handle.js';
import { resolveOptions } from '../../../lib/options/resolve.js';
import type { WantedListener } from '../../../lib/protocol/protocol.cjs';
import type { OpenListener } from '../../../lib/system/open-listener.js';
import type { FleetState, Sharing } from '../../../lib/types.js';
import { FakeSystem, settle } from '../../helpers/fake-system.js';

const PORT = { kind: 'tcp', port: 81, index: 0, ipv6Only: false } as const;

function fixture(sharing: Sharing = 'shared') {
  const system = new FakeSystem();
  // The master holds a guard alone.
  if (sharing === 'reuseport') openAs(system, { fd: null });
  const log: string[] = [];
  const write = (line: string) => void log.push(line);
  const world = { state: 'starting' as FleetState };
  const listeners = new Listeners({
    settings: resolveOptions({ serve: () => {}, listen: '127.0.0.1:0', sharing }, '0'),
    system,
    log: { info: write, warn: write, error: write },
    monitors: new Monitors(),
    state: () => world.state,
    ending: () => world.state === 'stopping',
  });
  return { listeners, system, log, world };
}

function openAs(system: FakeSystem, traits: Partial<OpenListener>): void {
  const open = system.openListeners.bind(system);
  system.openListeners = async (...args) => (await open(...args)).map((listener) => ({ ...listener, ...traits }));
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

/** A worker that boots while its fleet stops. */
async function booting({ sharing = 'shared' as Sharing, inherited = true } = {}) {
  const { listeners, world } = fixture(sharing);
  await listeners.begin();
  await listeners.takeRequests(inherited);
  const told: (readonly [string, readonly number[]])[] = [];
  const leased: OpenListener[] = [];
  const firstLease = deferred();
  const worker = {
    place: { slot: 0, generation: 0 },
    state: 'starting',
    gone: new Promise<void>(() => {}),
    reply: (_, text, fds) => {
      told.push([text, fds]);
      return 'sent';
    },
    lease: (listener) => {
      leased.push(listener);
      firstLease.resolve();
      return listener;
    },
  } satisfies Asking as unknown as WorkerHandle;
  const ask = (id: number, want: WantedListener = PORT) =>
    listeners.asked?.hear(worker, { type: 'wants-listener', id, want });
  const close = () => {
    world.state = 'stopping';
    listeners.close();
  };
  const answers = () => told.map(([text, fds]) => [...Object.keys(JSON.parse(text)), ...fds]);
  return { listeners, leased, firstLease: firstLease.promise, ask, close, answers };
}

test.each([
  { sharing: 'shared', want: { kind: 'unix', path: '/s' }, given: [20] },
  { sharing: 'shared', want: PORT, given: [20] },
  { sharing: 'sharded', want: PORT, given: [30] },
  { sharing: 'reuseport', want: PORT, given: [] },
] as const)(
  'a worker that asks for a listener when those of a fleet that stops are closed is given the reason alone, and nothing is leased: $sharing, $want.kind',
  async ({ sharing, want, given }) => {
    const { ask, close, answers, leased } = await booting({ sharing });
    ask(1, want);
    await settle();
    expect(answers()).toEqual([['listener', ...given]]);
    close();
    ask(2, want);
    await settle();
    expect(answers().slice(1)).toEqual([['error']]);
    expect(leased).toHaveLength(1);
  },
);

test('a socket from before the program that is asked for when it is closed is none of the fleet: its number is not watched', async () => {
  const { ask, close, answers, listeners } = await booting({ inherited: false });
  close();
  ask(1, { ...PORT, host: '127.0.0.1', port: 8_080 });
  await settle();
  expect(answers()).toEqual([['error']]);
  expect(listeners.open).toEqual([]);
});

test('a listener that is closed between the question of a worker and the answer is not leased', async () => {
  const { ask, close, answers, leased } = await booting();
  ask(1);
  await settle();
  ask(2);
  close();
  await settle();
  expect(answers().slice(1)).toEqual([['error']]);
  expect(leased).toHaveLength(1);
});

test.each(['shared', 'sharded', 'reuseport'] as const)(
  "a listener that is closed while the keys of its answer are made is not given: '%s'",
  async (sharing) => {
    const { ask, close, answers, firstLease } = await booting({ sharing });
    ask(1, { ...PORT, secure: true });
    await firstLease;
    expect(answers()).toEqual([]);
    close();
    await settle();
    expect(answers()).toEqual([['error']]);
  },
);

test.each([
  { whose: 'the fleet', foreign: undefined, closed: 1 },
  { whose: 'the service manager', foreign: true, closed: 0 },
] as const)(
  'of a socket that no worker has asked for the clients are not kept waiting while the last workers end, unless the next fleet has it: $whose',
  async ({ foreign, closed }) => {
    const { listeners, system } = fixture();
    if (foreign) openAs(system, { foreign });
    await listeners.begin();
    await listeners.takeRequests(false);
    expect(listeners.open).toEqual([]);
    listeners.close();
    listeners.close();
    expect(system.closedListeners).toBe(closed);
    listeners.over();
    expect(system.closedListeners).toBe(1);
  },
);
