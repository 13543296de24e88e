/** The errors of workers that never became ready, in words. */

import { PreforkError, type WorkerExit } from '../../common/errors.js';
import { isError, reasonOf } from '../../common/in-words.cjs';
import type { ProcessExit } from '../../system/system.js';
import type { Life } from './life.js';

/** What is known of the worker; its text is what log lines call it. */
export interface FailedWorker {
  readonly life: Pick<Life, 'killedBecause' | 'booted' | 'readyFor'>;
  readonly bootCause: Error | undefined;
  toString(): string;
}

/** The error of a worker that ended, or was ended, before it was ready, or too soon after that. */
export function bootFailure(handle: FailedWorker, exit: WorkerExit): PreforkError {
  const { bootCause: cause } = handle;
  const { killedBecause, booted, readyFor } = handle.life;
  const how = killedBecause ?? describeExit(exit);
  // The master killed it for that: the words say so already.
  const early = how.includes('not ready') ? '' : ' before it was ready';
  const when = booted ? ` ${Math.round(readyFor)} ms after it was ready` : early;
  const reason = cause === undefined ? '' : `: ${cause.name}: ${cause.message}`;
  const quoted = exit.stderr === '' || cause !== undefined ? '' : `; its last words on stderr:\n${exit.stderr}`;
  return new PreforkError('ERR_PREFORK_BOOT_FAILED', `${handle} ${how}${when}${reason}${quoted}`, {
    ...(cause === undefined ? {} : { cause }),
    exits: [exit],
  });
}

export function describeExit({ code, signal }: ProcessExit): string {
  return signal === null ? `exited with code ${code ?? 'unknown'}` : `was killed by ${signal}`;
}

/** Of what a worker said of its end: enough for a line of the log. */
export function firstLine(text: string): string {
  return text.trimStart().split('\n', 1)[0] as string;
}

/** The error of a slot whose worker could not even be spawned. */
export function notStarted(slot: number, error: unknown): PreforkError {
  if (isError(error) && error instanceof PreforkError) return error;
  return new PreforkError(
    'ERR_PREFORK_BOOT_FAILED',
    `The worker of slot ${slot} could not be started: ${reasonOf(error)}`,
    {
      cause: error,
    },
  );
}
