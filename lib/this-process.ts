/** Which process of a fleet this one is, and so what it can do of what the package offers. */

import { native } from './addon/addon.js';
import { unsupportedRuntime } from './addon/runtime.cjs';
import { identity, type WorkerIdentity } from './boot/identity.cjs';
import { PreforkError } from './common/errors.js';
import type { WorkerContext } from './types.js';

/**
 * True in a worker, before and after `prefork()` ran, in every copy of the package; false in a master and in the
 * processes and threads that a worker starts.
 */
export function isChild(): boolean {
  // Deno asks its user, or throws, when a program reads its environment.
  return unsupportedRuntime() === undefined && identity() !== undefined;
}

/** The context of this worker, the second argument of `serve`; `undefined` in a master, and in a worker before `serve` runs. */
export function currentWorker(): WorkerContext | undefined {
  return isChild() ? identity()?.context : undefined;
}

/** @throws PreforkError `ERR_PREFORK_UNSUPPORTED` */
export function refuseRuntime(): void {
  const refusal = unsupportedRuntime();
  if (refusal !== undefined) throw new PreforkError('ERR_PREFORK_UNSUPPORTED', refusal);
}

/** @throws PreforkError `ERR_PREFORK_UNSUPPORTED` in a worker whose program the command `prefork` runs. */
export function refuseHosted({ hosted }: WorkerIdentity): void {
  if (hosted === undefined) return;
  throw new PreforkError(
    'ERR_PREFORK_UNSUPPORTED',
    'This program calls prefork(), and so is a master of its own: start it with node, not with the command prefork',
  );
}

/** @throws PreforkError why this process, or this thread, can be no master. */
export function refuseOutsideMaster(): void {
  const worker = identity();
  if (worker !== undefined) {
    refuseHosted(worker);
    throw new PreforkError('ERR_PREFORK_NOT_MASTER', 'This process is a worker; only the master controls the fleet');
  }
  // The addon knows: `isMainThread` would load node:worker_threads, 40 KB of heap and 130 KB of pages.
  if (!native.mainThread) {
    throw new PreforkError(
      'ERR_PREFORK_WORKER_THREAD',
      'A fleet must be started on the main thread: the kernel would end the workers with the thread that spawned them',
    );
  }
}
