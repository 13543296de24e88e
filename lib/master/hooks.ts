/** The user's hooks in the master: one at a time, timed, and what they throw ends the fleet. */

import { AsyncLocalStorage } from 'node:async_hooks';
import { PreforkError } from '../common/errors.js';
import { inWords, reasonOf } from '../common/in-words.cjs';
import type { Log } from '../common/log.js';
import type { Hooks } from '../options/settings.js';
import type { System } from '../system/system.js';
import type { ExitInfo, WorkerInfo } from '../types.js';

/** A hook that runs longer is logged. */
const SLOW_HOOK_MS = 10_000;

export interface HookRunnerContext {
  readonly hooks: Hooks;
  readonly system: Pick<System, 'after'>;
  readonly log: Log;
  /** A hook threw or rejected: the fleet has to end with this error. */
  failed(error: unknown): void;
}

/** One call of a hook. */
interface Call {
  readonly runner: HookRunner;
  readonly name: string;
  /** The call in which this one was made, if it goes on: that of a hook of another fleet of this process. */
  readonly outer: Call | undefined;
  settled: boolean;
}

/**
 * Everything that a hook calls, or that goes on from there. One for all fleets: Node 20 never forgets a storage that has run, and each slows
 * down every promise of the process. Made for the first hook: fleets without hooks do without.
 */
let calls: AsyncLocalStorage<Call> | undefined;

/** The innermost call that has not settled, of those that `fits` is true of. */
function goingOn(call: Call | undefined, fits = (_call: Call) => true): Call | undefined {
  let one = call;
  while (one !== undefined && (one.settled || !fits(one))) one = one.outer;
  return one;
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
    const { hooks, system, log } = this.#context;
    const hook = hooks[name] as ((...args: unknown[]) => unknown) | undefined;
    const slow = system.after(SLOW_HOOK_MS, () =>
      log.warn(`${name} has not settled for ${SLOW_HOOK_MS} ms, and the hooks behind it wait; a stop does not`, {
        event: 'hook',
      }),
    );
    try {
      return (await this.#queue.run(name, () => hook && this.#call(name, () => hook(...args)))) === 'done';
    } catch (error) {
      this.#context.failed(error);
      return false;
    } finally {
      slow.cancel();
    }
  }

  async #call(name: string, hook: () => unknown): Promise<void> {
    calls ??= new AsyncLocalStorage();
    const call: Call = { runner: this, name, outer: goingOn(calls.getStore()), settled: false };
    try {
      await calls.run(call, hook);
    } finally {
      call.settled = true;
    }
  }

  /**
   * An operation is about to wait for hooks: called inside one, it would wait for its own caller. A hook that does not wait for it has
   * settled one turn later.
   * @throws PreforkError `ERR_PREFORK_IN_HOOK`
   */
  async refuseInside(operation: string): Promise<void> {
    const call = goingOn(calls?.getStore(), (one) => one.runner === this);
    if (call === undefined) return;
    await new Promise(setImmediate);
    if (call.settled) return;
    const message =
      `${operation} inside ${call.name} would wait for hooks that wait for this one; ` +
      'call it when the hook has settled: without await as the last thing that it does, or from a timer or an event';
    const error = new PreforkError('ERR_PREFORK_IN_HOOK', message);
    this.#context.log.error(message, { event: 'hook', error });
    throw error;
  }

  /** An observer: what it throws is logged. */
  reportExit(worker: WorkerInfo, exit: ExitInfo): void {
    const { hooks, log } = this.#context;
    // An async function fits the type as well, and its rejection would end the master.
    const reported = new Promise<void>((resolve) => {
      resolve(hooks.onChildExit?.(worker, exit));
    });
    reported.catch((error) => log.error(`onChildExit failed: ${inWords(error)}`, { event: 'hook', worker, error }));
  }

  /** No hook is begun any more, and no caller waits for the one that runs. */
  close(): void {
    this.#queue.close();
  }
}

/** `skipped`: the queue was closed before the hook ran or while it was running. */
export type HookOutcome = 'done' | 'skipped';

export class HookQueue {
  #tail: Promise<unknown> = Promise.resolve();
  #closed = false;
  /** Callers that wait for a hook; released when the queue closes. */
  readonly #waiting = new Set<(outcome: HookOutcome) => void>();

  /**
   * Calls `hook` after every hook queued before it has settled.
   * @throws PreforkError `ERR_PREFORK_HOOK`, with what the hook threw as `cause`.
   */
  run(name: string, hook: () => unknown): Promise<HookOutcome> {
    if (this.#closed) return Promise.resolve('skipped');
    return new Promise<HookOutcome>((resolve, reject) => {
      this.#waiting.add(resolve);
      const turn = this.#tail.then(async () => {
        if (!this.#closed) await hook();
      });
      this.#tail = turn.catch(() => {});
      turn.then(
        () => resolve('done'),
        (cause) => reject(hookError(name, cause)),
      );
      turn.catch(() => {}).finally(() => this.#waiting.delete(resolve));
    });
  }

  /** No hook starts any more, and no caller waits for one that is running. */
  close(): void {
    this.#closed = true;
    for (const release of this.#waiting) release('skipped');
    this.#waiting.clear();
  }
}
function hookError(name: string, cause: unknown): PreforkError {
  return new PreforkError('ERR_PREFORK_HOOK', `${name} failed: ${reasonOf(cause)}`, { cause });
}
