/** Delays of the supervisor that a stop cuts short: no backoff ever stands between a user and the end of the fleet. */

import type { Host, Timer } from './host.js';

export class Naps {
  readonly #host: Pick<Host, 'after'>;
  readonly #pending = new Map<(slept: boolean) => void, Timer>();
  #over = false;

  constructor(host: Pick<Host, 'after'>) {
    this.#host = host;
  }

  /** Resolves with false when the fleet stops before `ms` have passed. */
  sleep(ms: number): Promise<boolean> {
    if (this.#over) return Promise.resolve(false);
    return new Promise((resolve) => {
      const timer = this.#host.after(ms, () => {
        this.#pending.delete(resolve);
        resolve(true);
      });
      this.#pending.set(resolve, timer);
    });
  }

  /** Wakes everybody, and lets nobody sleep any more. */
  end(): void {
    this.#over = true;
    for (const [resolve, timer] of this.#pending) {
      timer.cancel();
      resolve(false);
    }
    this.#pending.clear();
  }
}
