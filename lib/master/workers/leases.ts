/** The listeners of one worker, from its start to its end. */

import type { Lease, OpenListener } from '../../system/open-listener.js';

export class Leases {
  /** What it inherits, in the order of `listen`. */
  readonly listeners: readonly OpenListener[];
  readonly #leases: Lease[] = [];

  constructor(listeners: readonly OpenListener[], generation: number) {
    this.listeners = listeners.map((listener) => {
      const lease = listener.lease?.(generation);
      if (lease === undefined) return listener;
      this.#leases.push(lease);
      return lease.listener;
    });
  }

  /** The worker is ready. */
  serve(): void {
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
