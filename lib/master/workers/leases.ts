/** The listeners of one worker, from its start to its end. */

import type { Lease, OpenListener } from '../../system/open-listener.js';

export class Leases {
  /** What it inherits, in the order of `listen`. */
  readonly listeners: readonly OpenListener[];
  readonly #generation: number;
  readonly #leases: Lease[] = [];
  #serves = false;

  constructor(listeners: readonly OpenListener[], generation: number) {
    this.#generation = generation;
    this.listeners = listeners.map((listener) => this.take(listener));
  }

  /** The listener as the worker has it. */
  take(listener: OpenListener): OpenListener {
    const lease = listener.lease?.(this.#generation);
    if (lease === undefined) return listener;
    this.#leases.push(lease);
    if (this.#serves) lease.serves();
    return lease.listener;
  }

  /** The worker is ready. */
  serve(): void {
    this.#serves = true;
    for (const lease of this.#leases) lease.serves();
  }

  /** Whether the worker accepts from a queue that its successor does not have. */
  get superseded(): boolean {
    return this.#leases.some((lease) => lease.superseded());
  }

  /** The worker is gone. Idempotent. */
  release(): void {
    for (const lease of this.#leases.splice(0)) lease.release();
  }
}
