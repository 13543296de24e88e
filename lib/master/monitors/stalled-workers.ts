/** The workers whose event loops stand still, for {@link Sharding}: logs a stall that lasts, and its end. */

import type { Log } from '../../common/log.js';
import type { System, Timer } from '../../system/system.js';
import type { WorkerHandle } from '../workers/worker-handle.js';

/** The master logs a stall that lasts as long as this. */
const LOGGED_MS = 1_000;

interface Stall {
  readonly since: number;
  readonly timer: Timer;
  logged: boolean;
}

export class StalledWorkers {
  readonly #system: Pick<System, 'now' | 'after'>;
  readonly #log: Log;
  readonly #stalls = new Map<WorkerHandle, Stall>();

  constructor(system: Pick<System, 'now' | 'after'>, log: Log) {
    this.#system = system;
    this.#log = log;
  }

  has(handle: WorkerHandle): boolean {
    return this.#stalls.has(handle);
  }

  add(handle: WorkerHandle): void {
    const stall: Stall = {
      since: this.#system.now(),
      logged: false,
      timer: this.#system.after(LOGGED_MS, () => {
        stall.logged = true;
        this.#log.warn(
          `${handle} is blocked: its event loop has not turned for ${LOGGED_MS} ms, and the others accept in its place`,
          { event: 'stall', worker: handle.info },
        );
      }),
    };
    this.#stalls.set(handle, stall);
  }

  /** The event loop of a worker has turned. True: it was stalled until now. */
  revive(handle: WorkerHandle): boolean {
    const stall = this.#stalls.get(handle);
    if (stall === undefined) return false;
    this.forget(handle);
    const ms = Math.round(this.#system.now() - stall.since);
    if (stall.logged) this.#log.info(`${handle} accepts again after ${ms} ms`, { event: 'stall', worker: handle.info });
    return true;
  }

  /** The worker serves no more. */
  forget(handle: WorkerHandle): void {
    this.#stalls.get(handle)?.timer.cancel();
    this.#stalls.delete(handle);
  }

  close(): void {
    for (const handle of [...this.#stalls.keys()]) this.forget(handle);
  }
}
