/** The one way in which the master ends workers, one that was replaced or a whole fleet: ask, wait, kill. */

import type { Log } from '../../common/log.js';
import { MASTER_KILLS_MS } from '../../protocol/deadlines.js';
import type { DrainReason } from '../../protocol/protocol.cjs';
import type { System, Timer } from '../../system/system.js';
import type { WorkerHandle } from './worker-handle.js';

export interface EndingContext {
  readonly system: Pick<System, 'after' | 'now'>;
  readonly log: Log;
  readonly reason: DrainReason;
  /** Milliseconds that the workers have from now on. */
  readonly timeout: number;
  /** Milliseconds from the end of that time to SIGKILL. Default: {@link MASTER_KILLS_MS}. */
  readonly margin?: number;
  /** Words that follow the name of a worker that has to be killed, in the log. */
  readonly late: string;
  /** The time and the margin are over: {@link Ending.kill} the workers that are left. */
  over(): void;
}

export class Ending {
  /** When the workers have to be done, on the monotonic clock of the system. */
  readonly deadline: number;
  readonly #context: EndingContext;
  readonly #timer: Timer;

  constructor(context: EndingContext) {
    const { system, timeout, margin = MASTER_KILLS_MS, over } = context;
    this.#context = context;
    this.deadline = system.now() + timeout;
    this.#timer = system.after(timeout + margin, over);
  }

  /** Milliseconds that the workers still have. */
  get remaining(): number {
    return Math.max(0, this.deadline - this.#context.system.now());
  }

  /** @param sealed The listeners refuse new connections. */
  ask(handle: WorkerHandle, sealed = false): void {
    handle.drain(this.#context.reason, this.remaining, sealed);
  }

  /** {@link Ending.ask} of one that has been asked by an ending that left more time. */
  hasten(handle: WorkerHandle, sealed: boolean): void {
    handle.hasten(this.#context.reason, this.remaining, sealed);
  }

  kill(handle: WorkerHandle): void {
    const { log, late } = this.#context;
    if (handle.end() === true) log.warn(`${handle} ${late}`, { event: 'kill', worker: handle.info, reason: late });
  }

  /** The workers are gone, or have another deadline. */
  cancel(): void {
    this.#timer.cancel();
  }
}
