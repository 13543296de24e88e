/** What may happen to a fleet, a step at a time. */

import fc from 'fast-check';
import { type FakeWorker, settle } from '../fake-system.js';
import { checkCalm, checkStep } from './invariants.js';
import { BIRTHS, HOOKS, type HookFault, MOST_WORKERS, type World } from './world.js';

type Model = Record<string, never>;
export type Steps = fc.Arbitrary<fc.AsyncCommand<Model, World>>[];

class Step implements fc.AsyncCommand<Model, World> {
  readonly #what: string;
  readonly #act: (world: World) => void | Promise<void>;

  constructor(what: string, act: (world: World) => void | Promise<void>) {
    this.#what = what;
    this.#act = act;
  }

  check(): boolean {
    return true;
  }

  async run(_model: Model, world: World): Promise<void> {
    await this.#act(world);
    await settle();
    checkStep(world);
  }

  toString(): string {
    return this.#what;
  }
}

const step = (what: string, act: (world: World) => void | Promise<void>) => fc.constant(new Step(what, act));

const onWorker = (what: string, act: (worker: FakeWorker, world: World) => void) =>
  fc.nat({ max: 11 }).map(
    (index) =>
      new Step(`${what}(${index})`, (world) => {
        const live = world.live();
        const worker = live[index % Math.max(1, live.length)];
        if (worker !== undefined) act(worker, world);
      }),
  );

/** A worker does what nobody asked it for. */
const onCulprit = (what: string, act: (worker: FakeWorker, world: World) => void) =>
  onWorker(what, (worker, world) => {
    world.disturbed = true;
    act(worker, world);
  });

const WORKERS_DO: Steps = [
  onCulprit('crash', (worker) => worker.exit({ code: 1, signal: null })),
  onCulprit('crash', (worker) => worker.exit({ code: 1, signal: null })),
  onCulprit('exit0', (worker) => worker.exit({ code: 0, signal: null })),
  onCulprit('killed', (worker) => worker.exit({ code: null, signal: 'SIGKILL' })),
  onCulprit('terminated', (worker) => worker.exit({ code: null, signal: 'SIGTERM' })),
  onCulprit('is signalled', (worker) => worker.signalled('SIGTERM')),
  onCulprit('breaks the protocol', (worker) => {
    worker.mute = true;
    worker.events.broke('anything');
  }),
  onWorker('closes its channel', (worker) => {
    worker.mute = true;
    if (worker.isReady && !worker.gone) worker.deaf = true;
    worker.events.cut?.();
  }),
  onWorker('ready', (worker) => worker.becomeReady()),
  onWorker('recycle', (worker) => worker.events.message({ type: 'wants-replacement', reason: 'a limit' })),
  onWorker('recycle', (worker) => worker.events.message({ type: 'wants-replacement', reason: 'a limit' })),
  onCulprit('block', (worker) => {
    worker.behaviour.blocked = true;
  }),
  onWorker('cannot be killed', (worker) => {
    worker.behaviour.mortal = false;
  }),
  onWorker('may not be signalled', (worker) => {
    worker.behaviour.foreign = true;
  }),
];

const MACHINE_DOES: Steps = [
  fc.array(fc.constantFrom(...BIRTHS), { minLength: 1, maxLength: 4 }).map(
    (births) =>
      new Step(`births(${JSON.stringify(births)})`, (world) => {
        world.disturbed = true;
        world.births.push(...births);
      }),
  ),
  fc.constantFrom(undefined, 'EMFILE' as const, 'ENOENT' as const).map(
    (shortage) =>
      new Step(`spawns fail with ${shortage ?? 'nothing'}`, (world) => {
        world.disturbed = true;
        world.shortage = shortage;
      }),
  ),
  ...Array(3).fill(
    fc
      .constantFrom(1, 100, 999, 5_000, 30_000, 120_000)
      .map((ms) => new Step(`advance(${ms})`, (world) => world.system.advance(ms))),
  ),
  fc.constantFrom(60, 2_000, 40_000).map(
    (ms) =>
      new Step(`stands still(${ms})`, async (world) => {
        world.system.freeze(ms);
        await world.system.advance(0);
        world.stoodAt = world.system.now();
      }),
  ),
];

const PEOPLE_DO: Steps = [
  step('reload', (world) => world.watch('reload()', world.fleet.master.reload())),
  step('reload', (world) => world.watch('reload()', world.fleet.master.reload())),
  fc.integer({ min: 1, max: MOST_WORKERS }).map(
    (workers) =>
      new Step(`scale(${workers})`, (world) => {
        if (!world.fleet.master.ending) world.slots = workers;
        world.watch(
          `scale(${workers})`,
          world.fleet.master.scale(() => workers),
        );
      }),
  ),
  step('SIGTTIN', (world) => scaledBySignal(world, 'SIGTTIN', world.slots + 1)),
  step('SIGTTOU', (world) => scaledBySignal(world, 'SIGTTOU', world.slots - 1)),
  step('SIGUSR2', (world) => world.system.signal('SIGUSR2')),
  step('SIGHUP', (world) => signalled(world, 'SIGHUP')),
  groupGets('SIGHUP', 'SIGUSR2'),
];

const hooksDo = (...faults: HookFault[]): Steps => [
  fc.tuple(fc.constantFrom(...HOOKS), fc.constantFrom(...faults)).map(
    ([hook, fault]) =>
      new Step(`${hook} ${fault}`, (world) => {
        world.faults.set(hook, fault);
      }),
  ),
];

/** After which a fleet goes on. */
export const OFTEN: Steps = [
  ...WORKERS_DO,
  ...MACHINE_DOES,
  ...PEOPLE_DO,
  ...hooksDo('hangs'),
  step('hooks go on', (world) => world.release()),
  step('calm', async (world) => {
    if (!world.stopped) await checkCalm(world);
  }),
];

export const HOOKS_FAIL: Steps = hooksDo('throws', 'rejects', 'hangs');

export const STOPS: Steps = [
  fc.constantFrom(undefined, 0, 1_000).map(
    (grace) =>
      new Step(`stop(${grace})`, (world) => {
        world.stopped = true;
        world.watch('stop()', world.fleet.master.stop(grace));
      }),
  ),
  fc
    .constantFrom<NodeJS.Signals>('SIGTERM', 'SIGINT', 'SIGQUIT')
    .map((signal) => new Step(signal, (world) => signalled(world, signal))),
  groupGets('SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP'),
];

/** What only workers of `'sharded'` do. */
export const SHARDED: Steps = [
  onWorker('is full', (worker, { full }) => {
    if (!worker.isReady || worker.gone || full.has(worker)) return;
    full.add(worker);
    worker.events.message({ type: 'paused-accepting' });
  }),
  onWorker('has places', (worker, { full }) => {
    if (full.delete(worker)) worker.events.message({ type: 'resumed-accepting' });
  }),
  onWorker('cannot adopt', (worker, world) => {
    const slot = [...worker.adopted][0];
    if (slot === undefined) return;
    worker.adopted.delete(slot);
    world.refused.set(slot, (world.refused.get(slot) ?? new Set()).add(worker));
    worker.events.message({ type: 'adoption-failed', slot });
  }),
  fc.nat({ max: MOST_WORKERS - 1 }).map(
    (slot) =>
      new Step(`connections wait(${slot})`, (world) => {
        if (world.served.has(slot)) world.system.wait(slot);
      }),
  ),
];

function hears(world: World, signal: NodeJS.Signals): boolean {
  return (world.system.handlers.get(signal)?.size ?? 0) > 0;
}

function scaledBySignal(world: World, signal: NodeJS.Signals, wanted: number): void {
  if (wanted > MOST_WORKERS) return;
  if (hears(world, signal) && !world.fleet.master.ending) world.slots = Math.max(1, wanted);
  world.system.signal(signal);
}

function signalled(world: World, signal: NodeJS.Signals): void {
  if (hears(world, signal) && (signal !== 'SIGHUP' || world.setting.terminal)) world.stopped = true;
  world.system.signal(signal);
}

/** The whole process group gets a signal, the master first or last. */
function groupGets(...signals: NodeJS.Signals[]) {
  return fc.tuple(fc.constantFrom(...signals), fc.boolean()).map(
    ([signal, masterFirst]) =>
      new Step(`${signal} to the group, the master ${masterFirst ? 'first' : 'last'}`, (world) => {
        const { master } = world.fleet;
        const stops = !['SIGHUP', 'SIGUSR2'].includes(signal);
        if (masterFirst) signalled(world, signal);
        for (const worker of world.live()) if (stops || !worker.isReady) worker.signalled(signal);
        // It died of it, or hears nothing of it any more.
        if (!hears(world, signal) && !master.ending) world.disturbed = true;
        if (!masterFirst) signalled(world, signal);
      }),
  );
}
