/** What is said of an exit, and whether anybody had asked for it. */

import type { WorkerExit } from './errors.js';
import { exitAdvice, mayBelongToStop } from './exit-advice.js';
import type { HookRunner } from './hooks.js';
import type { Naps } from './naps.js';
import type { ExitInfo, Logger, WorkerInfo } from './types.js';
import type { WorkerHandle } from './worker-handle.js';
import { describeExit } from './worker-handle.js';

/**
 * A signal to the whole process group reaches workers and master in any order:
 *     kernel: SIGINT → worker      SIGINT → master
 *     master:          exit seen                    signal handler runs
 * An exit that may belong to such a stop is judged this much later, in milliseconds.
 */
const STOP_RACE = 100;

export interface ExitsContext {
  readonly log: Logger;
  readonly naps: Naps;
  readonly hooks: HookRunner;
  /** Whether the fleet is ending: every exit is part of that. */
  ending(): boolean;
  tell(worker: WorkerInfo, exit: ExitInfo): void;
}

export class Exits {
  readonly #context: ExitsContext;

  constructor(context: ExitsContext) {
    this.#context = context;
  }

  /** Settles when it is known whether the exit was asked for. */
  async requested(handle: WorkerHandle, exit: WorkerExit): Promise<boolean> {
    const late = handle.drainedBy !== undefined || mayBelongToStop(exit);
    if (late && !handle.requested) await this.#context.naps.sleep(STOP_RACE);
    return handle.requested || this.#context.ending();
  }

  report(handle: WorkerHandle, exit: WorkerExit, requested: boolean): void {
    const { log, hooks, tell } = this.#context;
    const { code, signal } = exit;
    const what = `${handle} ${describeExit(exit)} after ${exit.uptime} ms`;
    if (requested) log.info(what);
    else log.error(`${what}${exitAdvice(exit, handle)}`);
    tell(handle.info, { code, signal, requested });
    hooks.tellExit(handle.info, { code, signal, requested });
  }
}
