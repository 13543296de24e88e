/** Delays of the supervisor that a stop cuts short: no backoff ever stands between a user and the end of the fleet. */

import type { System, Timer } from '../../system/system.js';

export class Delays {
  readonly #system: Pick<System, 'after'>;
  readonly #pending = new Map<(slept: boolean) => void, Timer>();
  #over = false;

  constructor(system: Pick<System, 'after'>) {
    this.#system = system;
  }

  /** Resolves with false when the fleet stops before `ms` have passed. */
  sleep(ms: number): Promise<boolean> {
    if (this.#over) return Promise.resolve(false);
    return new Promise((resolve) => {
      const timer = this.#system.after(ms, () => {
        this.#pending.delete(resolve);
        resolve(true);
      });
      this.#pending.set(resolve, timer);
    });
  }

  /** Ends every delay, and begins none any more. */
  end(): void {
    this.#over = true;
    for (const [resolve, timer] of this.#pending) {
      timer.cancel();
      resolve(false);
    }
    this.#pending.clear();
  }
}
