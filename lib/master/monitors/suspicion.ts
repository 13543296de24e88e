/**
 * The rule that distinguishes a worker that is stuck from one that is merely busy. Pure: facts in, verdict out; {@link Sharding} asks the workers
 * and holds the timers.
 *
 * A queue that is not empty says nothing by itself: under load it never is. A worker is *stalled* when connections wait, its event loop
 * has not turned for {@link STALLED_MS} of its own time, and the loops of others have meanwhile turned several times over. On a machine
 * that is short of CPU every loop is slow, and the others would not accept sooner.
 */

/** How long an event loop may take to turn, on top of the time that the queue watch has waited before it reported. */
const STALLED_MS = 50;
/** When the others are asked for comparison: most answers come sooner. */
export const COMPARE_AFTER_MS = 15;
/** How many times longer than the others' average a stalled loop has not turned. */
const SLOWER_TIMES = 3;
/** A loop that has not turned for so much of its own time is stalled however slow the others are, if one of them answered. */
const CERTAINLY_STALLED_MS = 200;
/** Time between two looks at a worker that has not answered: while others do not answer either, their average grows. */
const LOOK_AGAIN_MS = 10;

/** How many milliseconds a worker's process has waited for a CPU in its life; `undefined`: the system does not report it. */
export type CpuWait<Worker> = (worker: Worker) => number | undefined;

/** `wait`: look again after so many milliseconds. */
export type Verdict = { readonly wait: number } | 'stalled' | 'unfounded';

interface Asked {
  readonly at: number;
  /** Milliseconds that the process had waited for a CPU when the others were asked. */
  starved: number;
}

/** Connections wait at a slot, and its workers have been asked whether their event loops turn. All times are of one monotonic clock. */
export class Suspicion<Worker> {
  readonly slot: number;
  /** The slot's own worker, or both while it changes hands. */
  readonly #asked: Map<Worker, Asked>;
  /** Workers of other slots, by when they were asked. */
  readonly #compared = new Map<Worker, number>();
  /** Milliseconds that these took to answer. */
  readonly #answers = new Map<Worker, number>();

  constructor(slot: number, suspects: readonly Worker[], now: number) {
    this.slot = slot;
    this.#asked = new Map(suspects.map((worker) => [worker, { at: now, starved: 0 }]));
  }

  get suspects(): Worker[] {
    return [...this.#asked.keys()];
  }

  /**
   * The workers of other slots have been asked.
   * @returns When to look for a verdict, in milliseconds.
   */
  compare(others: readonly Worker[], now: number, cpuWait: CpuWait<Worker>): number {
    for (const [worker, asked] of this.#asked) asked.starved = cpuWait(worker) ?? 0;
    for (const worker of others) this.#compared.set(worker, now);
    return STALLED_MS - COMPARE_AFTER_MS;
  }

  /** An event loop turned. True: that of a suspect, so the suspicion is unfounded. */
  answered(worker: Worker, now: number): boolean {
    const asked = this.#compared.get(worker);
    if (asked !== undefined) this.#answers.set(worker, now - asked);
    return this.#asked.has(worker);
  }

  /** The worker serves no more. True: that leaves no suspect. */
  forget(worker: Worker): boolean {
    return this.#asked.delete(worker) && this.#asked.size === 0;
  }

  /** @param queued Connections still wait. */
  verdict(queued: boolean, now: number, cpuWait: CpuWait<Worker>): Verdict {
    // Another worker has accepted them, or none could take them over.
    if (!queued || this.#compared.size === 0) return 'unfounded';
    const remaining = Math.max(...this.suspects.map((worker) => this.#remaining(worker, now, cpuWait)));
    return remaining > 0 ? { wait: Math.max(LOOK_AGAIN_MS, Math.ceil(remaining)) } : 'stalled';
  }

  /** Milliseconds after which a suspect that still has not answered is to be looked at again; 0 when it is stalled. */
  #remaining(worker: Worker, now: number, cpuWait: CpuWait<Worker>): number {
    if (this.#answers.size === 0) return STALLED_MS / 2;
    const { at, starved } = this.#asked.get(worker) as Asked;
    const elapsed = now - at;
    // Time in the queue of a CPU is the machine's fault (/proc/<pid>/schedstat, Documentation/scheduler/sched-stats.rst).
    const own = elapsed - ((cpuWait(worker) ?? starved) - starved);
    // Workers that have not answered took so long at least: without them the quick ones alone would be the measure.
    const taken = [...this.#compared].map(([other, since]) => this.#answers.get(other) ?? now - since);
    const average = taken.reduce((sum, ms) => sum + ms, 0) / taken.length;
    return Math.max(0, STALLED_MS - own, Math.min(CERTAINLY_STALLED_MS - own, SLOWER_TIMES * average - elapsed));
  }
}
