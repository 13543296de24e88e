/** Whether a worker that is ready also stays: what dies a moment after it listens was never good. */

import { deferred } from '../../common/deferred.js';
import { afterStall } from '../../common/timers.js';
import type { System } from '../../system/system.js';
import type { WorkerHandle } from './worker-handle.js';

/**
 * What a program does `readyFor` ms after it listens is noticed later than that: it dies, the kernel reports it, the master reads it.
 * Who decides over the old workers waits this much longer, in milliseconds.
 */
const MARGIN = 250;

export class Stays {
  readonly #system: Pick<System, 'after' | 'now'>;
  readonly #readyFor: number;

  /** @param readyFor Milliseconds; `0`: who is ready has stayed. */
  constructor(system: Pick<System, 'after' | 'now'>, readyFor: number) {
    this.#system = system;
    this.#readyFor = readyFor;
  }

  /** Whether ready is all that is asked for. */
  get atOnce(): boolean {
    return this.#readyFor === 0;
  }

  /** Whether the worker has been ready for long enough, also when it has ended since. */
  has(handle: WorkerHandle): boolean {
    return handle.life.booted && handle.life.readyFor >= this.#readyFor;
  }

  /** True as soon as a ready worker has stayed; false when it drains or ends before, or when `off` settles. */
  async till(handle: WorkerHandle, off?: Promise<unknown>): Promise<boolean> {
    return await this.#wait(handle, this.#readyFor - handle.life.readyFor, off);
  }

  /** The same for a worker that is to take over from one that has stayed: in doubt that one stays. */
  async onTrial(handle: WorkerHandle, off?: Promise<unknown>): Promise<boolean> {
    return await this.#wait(handle, this.atOnce ? 0 : this.#readyFor + MARGIN - handle.life.readyFor, off);
  }

  async #wait(handle: WorkerHandle, ms: number, off: Promise<unknown> | undefined): Promise<boolean> {
    let passed = ms <= 0;
    if (!passed && handle.state === 'ready') {
      const over = deferred();
      const timer = afterStall(this.#system, ms, MARGIN, () => {
        passed = true;
        over.resolve();
      });
      await Promise.race([over.promise, handle.left, ...(off === undefined ? [] : [off])]);
      timer.cancel();
    }
    return passed && handle.state === 'ready';
  }
}
