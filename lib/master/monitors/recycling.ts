/** Replaces workers that have had enough, in the master: by age here, for every other reason on their own word. */

import type { Log } from '../../common/log.js';
import type { RecycleSettings } from '../../options/settings.js';
import type { System, Timer } from '../../system/system.js';
import type { Replacement } from '../workers/slots.js';
import type { WorkerHandle } from '../workers/worker-handle.js';

/** Milliseconds after which a replacement that failed is tried again. */
const RETRY = 30_000;

export interface RecyclingContext {
  /** Only workers of a fleet that has limits grow old; any worker may ask. */
  readonly settings: RecycleSettings | undefined;
  readonly system: Pick<System, 'after'>;
  readonly log: Log;
  /** Brings the next worker into the slot, one slot of the fleet at a time; `undefined` when the worker has been replaced already. */
  replace(handle: WorkerHandle, reason: string): Promise<Replacement | undefined>;
}

export class Recycling {
  readonly #context: RecyclingContext;
  readonly #timers = new Map<WorkerHandle, Timer>();
  /** Workers whose successor is on its way: what they say meanwhile adds nothing. */
  readonly #underWay = new Set<WorkerHandle>();
  readonly #random: () => number;
  #closed = false;

  /** @param random From 0 to 1, for the jitter. */
  constructor(context: RecyclingContext, random: () => number = Math.random) {
    this.#context = context;
    this.#random = random;
  }

  /** To be called whenever a worker becomes ready, begins to drain, or ends. */
  changed(handle: WorkerHandle): void {
    const { maxAge, jitter } = this.#context.settings ?? {};
    this.#cancel(handle);
    if (handle.state !== 'ready' || maxAge === undefined || jitter === undefined) return;
    // Earlier, never later: the limit is one.
    const age = Math.round(maxAge * (1 - jitter * this.#random()));
    this.#later(handle, age, `it has served for ${age} ms (recycle.maxAge ${maxAge})`);
  }

  /** A worker has had enough; it goes on serving until its successor does. */
  ask(handle: WorkerHandle, reason: string): void {
    this.#cancel(handle);
    if (this.#closed || this.#underWay.has(handle)) return;
    this.#underWay.add(handle);
    void this.#recycle(handle, reason);
  }

  close(): void {
    this.#closed = true;
    for (const handle of [...this.#timers.keys()]) this.#cancel(handle);
  }

  #later(handle: WorkerHandle, ms: number, reason: string): void {
    if (this.#closed) return;
    const { system } = this.#context;
    this.#timers.set(
      handle,
      system.after(ms, () => this.ask(handle, reason)),
    );
  }

  #cancel(handle: WorkerHandle): void {
    this.#timers.get(handle)?.cancel();
    this.#timers.delete(handle);
  }

  async #recycle(handle: WorkerHandle, reason: string): Promise<void> {
    const { log, replace } = this.#context;
    const outcome = await replace(handle, reason);
    this.#underWay.delete(handle);
    if (outcome?.kind !== 'failed' || handle.state !== 'ready') return;
    log.error(
      `${handle} goes on: its successor failed, the next one is tried in ${RETRY} ms: ${outcome.error.message}`,
      { event: 'recycle', worker: handle.info, error: outcome.error },
    );
    this.#later(handle, RETRY, reason);
  }
}
