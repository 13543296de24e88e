/** Which workers turn their event loop. They are asked when the master wants to know, and an answer shows that the loop has turned. */

import type { Ping } from '../../protocol/protocol.cjs';
import type { WorkerState } from '../../types.js';

/** A `WorkerHandle` is one. */
export interface Beating {
  readonly state: WorkerState;
  readonly place: { readonly slot: number };
  ping(ping: Ping): boolean;
}

export class Pulse {
  readonly #workers: Iterable<Beating>;
  readonly #now: () => number;
  /** Asked, and silent since. */
  readonly #silent = new Map<Beating, number>();

  /** @param now Milliseconds. */
  constructor(workers: Iterable<Beating>, now: () => number) {
    this.#workers = workers;
    this.#now = now;
  }

  /** Asks every worker that serves. One that speaks no channel, or whose pipe is full, is not asked: nothing is known of it. */
  ask(): void {
    for (const worker of this.#silent.keys()) if (worker.state !== 'ready') this.#silent.delete(worker);
    for (const worker of this.#ready()) {
      if (!this.#silent.has(worker) && worker.ping({ for: 'liveness' })) this.#silent.set(worker, this.#now());
    }
  }

  answered(worker: Beating): void {
    this.#silent.delete(worker);
  }

  /** Slots with a worker that serves and owes no answer. */
  get turning(): number {
    const turning = this.#ready().filter((worker) => !this.#silent.has(worker));
    return new Set(turning.map(({ place }) => place.slot)).size;
  }

  /** Milliseconds that even the worker that was asked last owes its answer; `undefined` when no worker serves. */
  get silence(): number | undefined {
    const now = this.#now();
    const silences = this.#ready().map((worker) => now - (this.#silent.get(worker) ?? now));
    return silences.length === 0 ? undefined : Math.min(...silences);
  }

  #ready(): Beating[] {
    return [...this.#workers].filter(({ state }) => state === 'ready');
  }
}
