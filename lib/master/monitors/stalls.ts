/**
 * Tells a worker that is stuck from one that is merely busy.
 *
 * A queue that is not empty says nothing by itself: under load it never is. A worker is *stalled* when connections wait, its
 * event loop has not turned for {@link STALLED} ms of its own time, and the loops of others have meanwhile turned several times
 * over: on a machine that is short of CPU everybody is slow, and nothing would be gained.
 */

import type { System, Timer } from '../../system/system.js';
import type { Logger } from '../../types.js';
import type { WorkerHandle } from '../workers/worker-handle.js';

/** Milliseconds that an event loop may take to turn, on top of what the queue watch has waited before it reported. */
const STALLED = 50;
/** Milliseconds after which the others are asked for comparison: most answers come sooner. */
const COMPARE = 15;
/** How many times longer than the others' average a stalled loop has not turned. */
const SLOWER = 3;
/** A loop that has not turned for so many milliseconds of its own time is stalled however slow the others are, if one of them answered. */
const CERTAINLY = 200;
/** Milliseconds between two looks at a worker that has not answered: while others do not answer either, their average grows. */
const LOOK_AGAIN = 10;
/** A timer of the master that fires so many milliseconds late finds answers in its pipes that it has not read yet. */
const LATE = 20;
/** A stall as long as this is told of, in milliseconds. */
const WORTH_TELLING = 1_000;

export interface StallsContext {
  readonly system: Pick<System, 'now' | 'after' | 'cpuWait'>;
  readonly log: Logger;
  stalled(handle: WorkerHandle): void;
  revived(handle: WorkerHandle): void;
  /** The suspicion was unfounded: the slot's queues are to be watched again. */
  passed(slot: number): void;
  /** Whether connections still wait at a slot. */
  queued(slot: number): boolean;
  /** Workers of other slots that serve. */
  siblings(slot: number): WorkerHandle[];
}

interface Asked {
  readonly at: number;
  /** Milliseconds that the process had waited for a CPU when it had not answered for {@link COMPARE} ms: most answers come sooner. */
  starved: number;
}

interface Suspicion {
  readonly slot: number;
  /** The slot's own worker, or both while it changes hands. */
  readonly asked: Map<WorkerHandle, Asked>;
  /** Others, by when they were asked. */
  readonly compared: Map<WorkerHandle, number>;
  /** Milliseconds that others took to answer. */
  readonly answers: Map<WorkerHandle, number>;
  timer: Timer | undefined;
}

interface Stall {
  readonly since: number;
  readonly timer: Timer;
  told: boolean;
}

export class Stalls {
  readonly #context: StallsContext;
  /** By the number of the ping. */
  readonly #suspicions = new Map<number, Suspicion>();
  readonly #stalls = new Map<WorkerHandle, Stall>();
  #pings = 0;

  constructor(context: StallsContext) {
    this.#context = context;
  }

  /** Connections wait at a slot that is served by `workers`. */
  suspect(slot: number, workers: readonly WorkerHandle[]): void {
    for (const known of this.#suspicions.values()) if (known.slot === slot) return;
    const { system } = this.#context;
    // Negative: the liveness watch asks with 0, and its answers are no answers to this.
    this.#pings -= 1;
    const id = this.#pings;
    const suspicion: Suspicion = { slot, asked: new Map(), compared: new Map(), answers: new Map(), timer: undefined };
    for (const handle of workers) {
      if (!handle.ping(id)) continue;
      suspicion.asked.set(handle, { at: system.now(), starved: 0 });
    }
    // No worker could be asked: the fleet is ending.
    if (suspicion.asked.size === 0) {
      this.#context.passed(slot);
      return;
    }
    this.#suspicions.set(id, suspicion);
    this.#wait(COMPARE, suspicion, () => this.#compare(id, suspicion));
  }

  /** An event loop turned. */
  pong(handle: WorkerHandle, id: number): void {
    const suspicion = this.#suspicions.get(id);
    if (suspicion?.asked.has(handle)) this.#drop(id, suspicion);
    const asked = suspicion?.compared.get(handle);
    if (asked !== undefined) suspicion?.answers.set(handle, this.#context.system.now() - asked);
    this.#revive(handle);
  }

  /** Whether a worker is stalled. */
  has(handle: WorkerHandle): boolean {
    return this.#stalls.has(handle);
  }

  /** A worker serves no more. */
  forget(handle: WorkerHandle): void {
    this.#stalls.get(handle)?.timer.cancel();
    this.#stalls.delete(handle);
    for (const [id, suspicion] of this.#suspicions) {
      if (suspicion.asked.delete(handle) && suspicion.asked.size === 0) this.#drop(id, suspicion);
    }
  }

  close(): void {
    for (const { timer } of this.#suspicions.values()) timer?.cancel();
    for (const { timer } of this.#stalls.values()) timer.cancel();
    this.#suspicions.clear();
    this.#stalls.clear();
  }

  #wait(ms: number, suspicion: Suspicion, next: () => void): void {
    const { system } = this.#context;
    const due = system.now() + ms;
    suspicion.timer = system.after(ms, () => {
      if (system.now() - due < LATE) next();
      else this.#wait(LATE, suspicion, next);
    });
  }

  #compare(id: number, suspicion: Suspicion): void {
    const { system, siblings } = this.#context;
    for (const [handle, asked] of suspicion.asked) asked.starved = system.cpuWait?.(handle.pid) ?? 0;
    for (const handle of siblings(suspicion.slot)) if (handle.ping(id)) suspicion.compared.set(handle, system.now());
    this.#wait(STALLED - COMPARE, suspicion, () => this.#judge(id, suspicion));
  }

  #judge(id: number, suspicion: Suspicion): void {
    const { slot, asked, compared } = suspicion;
    // Another worker has accepted them, or none could take them over.
    if (!this.#context.queued(slot) || compared.size === 0) {
      this.#drop(id, suspicion);
      return;
    }
    const left = Math.max(...[...asked].map(([handle, since]) => this.#left(handle, since, suspicion)));
    if (left > 0) {
      this.#wait(Math.max(LOOK_AGAIN, Math.ceil(left)), suspicion, () => this.#judge(id, suspicion));
      return;
    }
    this.#suspicions.delete(id);
    for (const handle of asked.keys()) this.#stall(handle);
    this.#context.passed(slot);
  }

  /** Milliseconds after which a worker that still has not answered is to be looked at again; 0 when it is stalled. */
  #left(handle: WorkerHandle, { at, starved }: Asked, { compared, answers }: Suspicion): number {
    const { system } = this.#context;
    if (answers.size === 0) return STALLED / 2;
    const now = system.now();
    const elapsed = now - at;
    // Time in the queue of a CPU is the machine's fault (/proc/<pid>/schedstat, Documentation/scheduler/sched-stats.rst).
    const own = elapsed - ((system.cpuWait?.(handle.pid) ?? starved) - starved);
    // Those that have not answered took so long at least: without them the quick ones alone would be the measure.
    const taken = [...compared].map(([other, since]) => answers.get(other) ?? now - since);
    const average = taken.reduce((sum, ms) => sum + ms, 0) / taken.length;
    return Math.max(0, STALLED - own, Math.min(CERTAINLY - own, SLOWER * average - elapsed));
  }

  #drop(id: number, suspicion: Suspicion): void {
    suspicion.timer?.cancel();
    this.#suspicions.delete(id);
    this.#context.passed(suspicion.slot);
  }

  #stall(handle: WorkerHandle): void {
    const { system, log } = this.#context;
    const stall: Stall = {
      since: system.now(),
      told: false,
      timer: system.after(WORTH_TELLING, () => {
        stall.told = true;
        log.warn(
          `${handle} is blocked: its event loop has not turned for ${WORTH_TELLING} ms, and the others accept in its place`,
        );
      }),
    };
    this.#stalls.set(handle, stall);
    this.#context.stalled(handle);
  }

  #revive(handle: WorkerHandle): void {
    const stall = this.#stalls.get(handle);
    if (stall === undefined) return;
    stall.timer.cancel();
    this.#stalls.delete(handle);
    const { system, log, revived } = this.#context;
    if (stall.told) log.info(`${handle} accepts again after ${Math.round(system.now() - stall.since)} ms`);
    revived(handle);
  }
}
