/** The user's hooks in the master: one at a time, timed, and what they throw ends the fleet. */

import { HookQueue } from './hook-queue.js';
import type { Host } from './host.js';
import { inWords } from './in-words.cjs';
import type { Hooks } from './options.js';
import type { ExitInfo, Logger, WorkerInfo } from './types.js';

/** A hook that takes longer is told of, in milliseconds. */
const SLOW_HOOK = 10_000;

export interface HookRunnerContext {
  readonly hooks: Hooks;
  readonly host: Pick<Host, 'after'>;
  readonly log: Logger;
  /** A hook threw or rejected: the fleet has to end with this error. */
  failed(error: unknown): void;
}

export class HookRunner {
  readonly #context: HookRunnerContext;
  readonly #queue = new HookQueue();

  constructor(context: HookRunnerContext) {
    this.#context = context;
  }

  /** True when the hook ran; what it throws ends the fleet. */
  async run<Name extends 'onChildSpawn' | 'onMasterReady' | 'onChildRecover'>(
    name: Name,
    ...args: Parameters<NonNullable<Hooks[Name]>>
  ): Promise<boolean> {
    const { hooks, host, log } = this.#context;
    const hook = hooks[name] as ((...args: unknown[]) => unknown) | undefined;
    const slow = host.after(SLOW_HOOK, () =>
      log.warn(`${name} has not settled for ${SLOW_HOOK} ms, and the hooks behind it wait; a stop does not`),
    );
    try {
      return (await this.#queue.run(name, () => hook?.(...args))) === 'done';
    } catch (error) {
      this.#context.failed(error);
      return false;
    } finally {
      slow.cancel();
    }
  }

  /** An observer: what it throws is logged. */
  tellExit(worker: WorkerInfo, exit: ExitInfo): void {
    const { hooks, log } = this.#context;
    // An async function fits the type as well, and its rejection would end the master.
    const told = new Promise<void>((resolve) => {
      resolve(hooks.onChildExit?.(worker, exit));
    });
    told.catch((error) => log.error(`onChildExit failed: ${inWords(error)}`));
  }

  /** No hook is begun any more, and nobody waits for the one that runs. */
  close(): void {
    this.#queue.close();
  }
}
