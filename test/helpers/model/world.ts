/** A supervisor on a fake system, with what befalls it, and what the model knows of it beside. */

import type { Hooks } from '../../../lib/options/settings.js';
import { type Fleet, fleet } from '../fake-fleet.js';
import { type Behaviour, FakeSystem, type FakeWorker } from '../fake-system.js';

export const WORKERS = 3;
export const MOST_WORKERS = 6;
export const WINDOW = 60_000;

/** Why a process could not be started: for want of something for now, or for good. */
const SHORTAGES = ['EAGAIN', 'EMFILE'] as const;
const REFUSALS = ['ENOENT', 'EACCES'] as const;
type Failure = (typeof SHORTAGES)[number] | (typeof REFUSALS)[number];

/** How one spawn goes. */
export type Birth = Behaviour | Failure;
/** Without which a start would not fail. */
export const HARMLESS_BIRTHS: readonly Birth[] = [
  ...SHORTAGES,
  { obedient: false },
  { blocked: true },
  { mortal: false },
  { mortal: false, obedient: false },
  { foreign: true },
];
export const BIRTHS: readonly Birth[] = [
  ...HARMLESS_BIRTHS,
  ...REFUSALS,
  { ready: false },
  { ready: false, obedient: false },
  { ready: false, mortal: false },
  { ready: false, foreign: true },
];

export type HookName = keyof Hooks;
export const HOOKS: readonly HookName[] = ['onChildSpawn', 'onMasterReady', 'onChildRecover', 'onChildExit'];
/** What one call of a hook does. */
export type HookFault = 'throws' | 'rejects' | 'hangs';

/** How the fleet is made. */
export interface Setting {
  readonly threshold: number;
  /** `line`: one socket, and workers that stand in line. */
  readonly sharing: 'shared' | 'line' | 'sharded';
  readonly terminal: boolean;
  readonly readyFor: number;
  readonly drainDelay: number;
  readonly maxSurge: number;
  /** Of the first spawns. */
  readonly births: readonly Birth[];
  readonly hooks: readonly (readonly [HookName, HookFault])[];
}

export class World {
  readonly system: FakeSystem;
  readonly fleet: Fleet;
  readonly setting: Setting;
  readonly promises: { readonly what: string; settled: boolean }[] = [];
  /** Of the next spawns; then they are as they should be. */
  readonly births: Birth[];
  /** What every spawn fails with before. */
  shortage: Failure | undefined;
  /** What the next call of a hook does. */
  readonly faults: Map<HookName, HookFault>;
  /** Ends the calls of hooks that hang, and for which others wait. */
  readonly hanging = new Set<() => void>();
  hookFailed = false;
  /** Somebody asked for the end of the fleet. */
  stopped = false;
  /** Something happened that may keep a fleet from starting. */
  disturbed = false;
  /** The master has said that every one of the first workers serves. */
  established = false;
  /** `finished` has settled, perhaps with an error. */
  over: { readonly error: unknown } | undefined;
  /** How many slots were asked for last, among those scalings that were not refused. */
  slots = WORKERS;
  /** How many slots there are. */
  count = WORKERS;
  /** Slots that ever had a worker that served: until then no connection is sent there. */
  readonly served = new Set<number>();
  /** Until when the master has promised to try again to fill a slot. */
  readonly promised = new Map<number, number>();
  /** When it gave a slot up. */
  givenUp: number | undefined;
  /** More workers had ended than may, when it did so. */
  mayEnd = false;
  /** Workers that have no place for connections. */
  readonly full = new Set<FakeWorker>();
  /** Whom the master cannot have asked to accept for a slot: it said that it could not. By slot. */
  readonly refused = new Map<number, Set<FakeWorker>>();
  /** The clock moved, and nothing ran. */
  stoodAt = 0;
  /** When two workers that serve one slot were seen first. */
  readonly pairs = new Map<string, number>();
  /** Who was not ready in time, and could not be killed, when the listeners were closed. */
  stuck: ReadonlySet<FakeWorker> | undefined;
  /** When a worker that is gone was still listed first. */
  readonly corpses = new Map<number, number>();
  readonly #losses: number[] = [];

  constructor(setting: Setting) {
    this.setting = setting;
    this.births = [...setting.births];
    this.faults = new Map(setting.hooks);
    this.disturbed = setting.births.length > 0;
    const system = new FakeSystem({ exclusiveAccept: setting.sharing === 'line' });
    this.system = system;
    system.terminal = setting.terminal;
    system.behave = () => {
      const birth = this.shortage ?? this.births.shift() ?? {};
      if (typeof birth === 'string')
        throw Object.assign(new Error(`spawn ${birth}`), { code: birth, errno: -1, syscall: 'spawn' });
      return { ...birth };
    };
    const log = (line: string): void => this.#heard(line);
    const hooks = Object.fromEntries(HOOKS.map((name) => [name, () => this.#hook(name)]));
    this.fleet = fleet(
      {
        workers: WORKERS,
        sharing: setting.sharing === 'sharded' ? 'sharded' : 'shared',
        recoverThreshold: setting.threshold,
        recoverWindow: WINDOW,
        livenessTimeout: 5_000,
        drainTimeout: 20_000,
        readyFor: setting.readyFor,
        drainDelay: setting.drainDelay,
        maxSurge: setting.maxSurge,
        logger: { info: log, warn: log, error: log },
        ...hooks,
      },
      system,
    );
    this.watch('start()', this.fleet.started);
    this.watch('finished', this.fleet.finished);
    this.fleet.finished.then((error) => {
      this.over = { error };
    });
  }

  #hook(name: HookName): Promise<void> | void {
    const fault = this.faults.get(name);
    if (fault === undefined) return;
    this.faults.delete(name);
    // Nobody waits for an observer, or ends because of it.
    const observes = name === 'onChildExit';
    if (fault === 'hangs') return new Promise((resolve) => void (observes || this.hanging.add(resolve)));
    this.hookFailed ||= !observes;
    const error = new Error(`${name} fails`);
    if (fault === 'rejects') return Promise.reject(error);
    throw error;
  }

  #heard(line: string): void {
    const now = this.system.now();
    if (/workers? (is|are) ready on/.test(line)) this.established = true;
    const scaled = /scaling from \d+ to (\d+) workers/.exec(line);
    if (scaled !== null) this.count = Number(scaled[1]);
    const again = /slot (\d+)(?:: .* trying again| is filled again) (?:at once|in (\d+) ms)/.exec(line);
    if (again !== null) {
      const slot = Number(again[1]);
      this.promised.set(slot, Math.max(this.promised.get(slot) ?? 0, now + Number(again[2] ?? 0)));
    }
    if (/is (not )?filled again/.test(line)) this.#losses.push(now);
    if (!/is not filled again/.test(line)) return;
    // The end itself may come later: recoveries that run come to theirs first.
    this.mayEnd ||= this.#losses.filter((at) => now - at < WINDOW).length > this.setting.threshold;
    this.givenUp ??= now;
  }

  watch(what: string, promise: Promise<unknown>): void {
    const entry = { what, settled: false };
    this.promises.push(entry);
    const settled = (): void => {
      entry.settled = true;
    };
    promise.then(settled, settled);
  }

  get pending(): readonly string[] {
    return this.promises.filter(({ settled }) => !settled).map(({ what }) => what);
  }

  live(): readonly FakeWorker[] {
    return this.system.workers.filter((worker) => !worker.gone);
  }

  /** Those that are, or are to be, the workers of their slots. */
  fillers(): readonly FakeWorker[] {
    return this.live().filter((worker) => !asked(worker));
  }

  /** Ready, and not asked to go. */
  serving(): readonly FakeWorker[] {
    return this.fillers().filter((worker) => worker.isReady && !worker.leaves);
  }

  /** From now on nothing goes wrong, and nobody hangs. */
  soothe(): void {
    this.births.length = 0;
    this.shortage = undefined;
    this.faults.clear();
    this.release();
    for (const worker of this.live()) {
      worker.unblock();
      worker.obey();
    }
    for (const worker of this.full) worker.events.message({ type: 'resumed-accepting' });
    this.full.clear();
    this.system.queued.clear();
  }

  /** Hooks that hang go on. */
  release(): void {
    for (const resolve of this.hanging) resolve();
    this.hanging.clear();
  }
}

/** The master wants it to end. */
export function asked(worker: FakeWorker): boolean {
  // A signal that it did not get was for that, but for SIGKILL of a worker at fault, which then goes on.
  const wanted = worker.signals.length > 0 || worker.refused.includes('SIGTERM');
  return wanted || worker.received.some(({ type }) => type === 'drain');
}
