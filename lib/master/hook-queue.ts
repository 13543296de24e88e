/** Runs the user's hooks one at a time, and lets the fleet stop although a hook never settles. */

import { PreforkError } from '../common/errors.js';
import { reasonOf } from '../common/in-words.cjs';

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

  /** No hook starts any more, and nobody waits for one that is running. */
  close(): void {
    this.#closed = true;
    for (const release of this.#waiting) release('skipped');
    this.#waiting.clear();
  }
}

function hookError(name: string, cause: unknown): PreforkError {
  return new PreforkError('ERR_PREFORK_HOOK', `${name} failed: ${reasonOf(cause)}`, { cause });
}
