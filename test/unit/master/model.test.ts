/**
 * The supervisor under anything that may happen to it, in any order: exits, hangs, spawn failures, hooks that throw, signals, reloads, scalings,
 * recyclings and stops, on a faked system with a clock that only the test moves. After each step the invariants hold; in the end, left alone
 * with workers that behave, the fleet serves in every slot, or it had a reason to end. `npm run test:model` runs it 20,000 times.
 *
 * A failure prints a seed and a path; `PREFORK_MODEL_SEED=… PREFORK_MODEL_PATH=… npx vitest run test/unit/master/model.test.ts` repeats it,
 * and shrinks it again.
 */

import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { type Fleet, fleet } from '../../helpers/fake-fleet.js';
import { type Behaviour, FakeSystem, type FakeWorker, settle } from '../../helpers/fake-system.js';

const { PREFORK_MODEL_RUNS: runs = '500', PREFORK_MODEL_SEED: seed, PREFORK_MODEL_PATH: path } = process.env;
const STEPS = 40;
const WORKERS = 3;
const MOST_WORKERS = 6;
const WINDOW = 60_000;
/** Milliseconds: longer than every timeout, delay and window of the fleet together. */
const LONG = 600_000;
const TIMEOUT = Number(runs) * 1_000 + 60_000;

type Birth = Behaviour | 'fails';

class World {
  readonly system = new FakeSystem();
  readonly fleet: Fleet;
  /** Of the next spawns; then they are as they should be. */
  readonly births: Birth[] = [];
  readonly exited = new Set<FakeWorker>();
  readonly promises: { readonly what: string; settled: boolean }[] = [];
  /** What a hook is to throw when it runs next. */
  hookFails = false;
  hookFailed = false;
  stopped = false;
  /** When the master judged that a slot had lost its worker. */
  readonly losses: number[] = [];
  /** More workers had ended than may when the master gave a slot up. */
  mayEnd = false;
  /** Workers that served when the fleet began to end by itself, although it had no reason to. */
  servedAtTheEnd: readonly FakeWorker[] = [];

  constructor(threshold: number) {
    const { system } = this;
    system.behave = () => {
      const birth = this.births.shift() ?? {};
      if (birth === 'fails')
        throw Object.assign(new Error('spawn EAGAIN'), { code: 'EAGAIN', errno: -11, syscall: 'spawn' });
      return { ...birth };
    };
    const hook = (): void => {
      if (!this.hookFails) return;
      this.hookFails = false;
      this.hookFailed = true;
      throw new Error('a hook that fails');
    };
    const log = (line: string): void => {
      if (/is (not )?filled again/.test(line)) this.losses.push(this.system.now());
      const counted = this.losses.filter((at) => this.system.now() - at < WINDOW).length;
      // The end itself may come later: recoveries that run come to theirs first.
      if (/is not filled again/.test(line)) this.mayEnd ||= counted > threshold;
      if (/stopping, because/.test(line) && !this.mayEnd) this.servedAtTheEnd = this.serving();
    };
    this.fleet = fleet(
      {
        workers: WORKERS,
        recoverThreshold: threshold,
        recoverWindow: WINDOW,
        livenessTimeout: 5_000,
        drainTimeout: 20_000,
        onChildRecover: hook,
        logger: { info: log, warn: log, error: log },
      },
      system,
    );
    this.watch('start()', this.fleet.started);
    this.watch('finished', this.fleet.finished);
  }

  watch(what: string, promise: Promise<unknown>): void {
    const entry = { what, settled: false };
    this.promises.push(entry);
    const settled = (): void => {
      entry.settled = true;
    };
    promise.then(settled, settled);
  }

  live(): readonly FakeWorker[] {
    return this.system.workers.filter((worker) => !this.exited.has(worker) && !worker.gone);
  }

  /** Ready, and not asked to go. */
  serving(): readonly FakeWorker[] {
    return this.live().filter((worker) => worker.isReady && !asked(worker));
  }

  /** Holds after every step. */
  check(): void {
    const { master } = this.fleet;
    const { state, workers } = master.status();
    const known = new Map(workers.map((worker) => [worker.pid, worker]));
    const live = this.live();
    // No process is forgotten, and none is listed that is gone.
    for (const worker of live) expect(known.has(worker.pid), `the master knows pid ${worker.pid}`).toBe(true);
    for (const pid of known.keys())
      expect(
        live.some((worker) => worker.pid === pid),
        `pid ${pid} lives`,
      ).toBe(true);
    // No slot is filled twice: one worker that is, or is to be, the first, and one that is to take over from it; not both with the same code
    // while they boot.
    const fillers = live.filter((worker) => !asked(worker));
    for (const { launch } of fillers) {
      const { slot, generation } = launch;
      const ofSlot = fillers.filter((other) => other.launch.slot === slot);
      expect(ofSlot.length, `workers of slot ${slot}`).toBeLessThanOrEqual(2);
      const twins = ofSlot.filter((other) => !other.isReady && other.launch.generation === generation);
      expect(twins.length, `workers that boot for slot ${slot}`).toBeLessThanOrEqual(1);
    }
    // Who was asked to go by a signal, and became ready all the same, was asked again.
    for (const worker of live)
      if (worker.isReady && worker.signals.length > 0)
        expect(worker.received, `pid ${worker.pid} was asked again`).toContainEqual(
          expect.objectContaining({ type: 'drain' }),
        );
    expect(this.system.closedListeners).toBe(state === 'stopped' ? 1 : 0);
  }

  /** Left alone with workers that behave, for ten minutes. */
  async calm(): Promise<void> {
    this.births.length = 0;
    this.hookFails = false;
    for (const worker of this.live()) {
      worker.behaviour.blocked = false;
      worker.obey();
    }
    await this.system.advance(LONG);
    this.check();
    for (const { what, settled } of this.promises)
      if (what !== 'finished') expect(settled, `${what} has settled`).toBe(true);
  }

  /** In the end every slot serves, unless the fleet had a reason to end. */
  async checkOutcome(): Promise<void> {
    await this.calm();
    const { master } = this.fleet;
    const { state } = master.status();
    if (state === 'stopped') {
      if (!this.stopped && !this.hookFailed)
        expect(
          this.servedAtTheEnd.map(({ pid }) => pid),
          'a fleet that could serve was ended',
        ).toEqual([]);
    } else {
      expect(state).toBe('running');
      const slots = this.serving().map(({ launch }) => launch.slot);
      expect(slots.toSorted(), 'slots that serve').toEqual(slots.map((_, slot) => slot));
      expect(slots.length).toBe(this.slots);
      expect(this.live().length, 'a worker for each slot, and no other').toBe(this.slots);
      this.watch('the last stop()', master.stop());
    }
    await this.system.advance(LONG);
    expect(await this.fleet.finished.then(() => master.status().state)).toBe('stopped');
    expect(this.promises.filter(({ settled }) => !settled)).toEqual([]);
    expect(this.live(), 'workers that live after the end').toEqual([]);
    expect(this.system.closedListeners).toBe(1);
    expect(this.system.pendingTimers, 'timers after the end').toBe(0);
    expect(
      [...this.system.handlers.values()].reduce((sum, { size }) => sum + size, 0),
      'signal handlers',
    ).toBe(0);
  }

  /** How many slots were asked for last, among those scalings that were not refused. */
  slots = WORKERS;
}

function asked(worker: FakeWorker): boolean {
  return worker.signals.length > 0 || worker.received.some(({ type }) => type === 'drain');
}

type Model = Record<string, never>;

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
    world.check();
  }

  toString(): string {
    return this.#what;
  }
}

const which = fc.nat({ max: 11 });
const pick = (world: World, index: number): FakeWorker | undefined => {
  const live = world.live();
  return live[index % Math.max(1, live.length)];
};
const onWorker = (what: string, act: (worker: FakeWorker) => void) =>
  which.map(
    (index) =>
      new Step(`${what}(${index})`, (world) => {
        const worker = pick(world, index);
        if (worker !== undefined) act(worker);
      }),
  );

const STEPS_THERE_ARE = [
  onWorker('crash', (worker) => worker.exit({ code: 1, signal: null })),
  onWorker('exit0', (worker) => worker.exit({ code: 0, signal: null })),
  onWorker('killed', (worker) => worker.exit({ code: null, signal: 'SIGKILL' })),
  onWorker('ready', (worker) => worker.becomeReady()),
  onWorker('recycle', (worker) => worker.events.message({ type: 'wants-replacement', reason: 'a limit' })),
  onWorker('block', (worker) => {
    worker.behaviour.blocked = true;
  }),
  fc
    .array(
      fc.constantFrom<Birth>(
        'fails',
        { ready: false },
        { obedient: false },
        { ready: false, obedient: false },
        { blocked: true },
      ),
      { minLength: 1, maxLength: 4 },
    )
    .map((births) => new Step(`births(${JSON.stringify(births)})`, (world) => void world.births.push(...births))),
  fc
    .constantFrom(1, 100, 999, 5_000, 30_000, 120_000)
    .map((ms) => new Step(`advance(${ms})`, (world) => world.system.advance(ms))),
  fc.constant(new Step('reload', (world) => world.watch('reload()', world.fleet.master.reload()))),
  fc.integer({ min: 1, max: MOST_WORKERS }).map(
    (workers) =>
      new Step(`scale(${workers})`, (world) => {
        if (['running', 'reloading'].includes(world.fleet.master.status().state)) world.slots = workers;
        world.watch(
          `scale(${workers})`,
          world.fleet.master.scale(() => workers),
        );
      }),
  ),
  fc.constant(
    new Step('a hook fails', (world) => {
      world.hookFails = true;
    }),
  ),
];

const RARE = [
  fc.constantFrom(undefined, 0, 1_000).map(
    (grace) =>
      new Step(`stop(${grace})`, (world) => {
        world.stopped = true;
        world.watch('stop()', world.fleet.master.stop(grace));
      }),
  ),
  fc.constantFrom<NodeJS.Signals>('SIGTERM', 'SIGINT').map(
    (signal) =>
      new Step(signal, (world) => {
        world.stopped = true;
        world.system.signal(signal);
      }),
  ),
];

// What the master imports late takes longer the first time than the test waits.
beforeAll(async () => {
  const world = new World(1);
  expect(await world.fleet.started).toBeUndefined();
  await world.fleet.master.stop();
});

const often = fc.commands(STEPS_THERE_ARE, { size: 'max', maxCommands: STEPS });
const withStops = fc.commands([...STEPS_THERE_ARE, ...STEPS_THERE_ARE, ...RARE], { size: 'max', maxCommands: STEPS });

test.each([
  {
    what: 'without a threshold no slot is forgotten or filled twice, and the fleet serves in the end',
    threshold: Infinity,
    commands: often,
  },
  {
    what: 'with a threshold a fleet that could serve is never ended, and one that ends leaves nothing',
    threshold: 3,
    commands: often,
  },
  { what: 'a stop at any moment settles everything and leaves nothing', threshold: 5, commands: withStops },
])('$what', { timeout: TIMEOUT }, async ({ threshold, commands }) => {
  await fc.assert(
    fc.asyncProperty(commands, async (steps) => {
      const world = new World(threshold);
      await settle();
      await fc.asyncModelRun(() => ({ model: {}, real: world }), steps);
      await world.checkOutcome();
    }),
    {
      numRuns: Number(runs),
      ...(seed !== undefined && { seed: Number(seed) }),
      // Which run it was. The steps of shrinking that follow say nothing of which commands of a list had run.
      ...(path !== undefined && { path: path.replace(/:.*/, '') }),
    },
  );
});
