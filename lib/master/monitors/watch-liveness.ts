/** The watch over the event loops of a fleet, with everything real around it. Loaded by masters that have a `livenessTimeout`. */

import type { OpenListener } from '../../system/open-listener.js';
import type { System } from '../../system/system.js';
import type { Logger } from '../../types.js';
import type { WorkerHandle } from '../workers/worker-handle.js';
import { Liveness } from './liveness.js';

/**
 * Watches from now on.
 * @param timeout Milliseconds without progress that are too long.
 */
export function watchLiveness(
  timeout: number,
  system: System,
  log: Logger,
  listeners: readonly OpenListener[],
  workers: Iterable<WorkerHandle>,
): Liveness<WorkerHandle> {
  const liveness = new Liveness<WorkerHandle>({
    timeout,
    system,
    log,
    workers,
    // libuv runs timers, then reads what has arrived, then runs immediates.
    pipesRead: () => new Promise((resolve) => setImmediate(resolve)),
    examine: async ({ servingPid }, inspector) => {
      const { blockedStack } = await import('./blocked-stack.js');
      const servedPorts = new Set(listeners.flatMap(({ address: { port } }) => (port === undefined ? [] : [port])));
      return await blockedStack(servingPid, { servedPorts, ...(inspector === undefined ? {} : { inspector }) });
    },
  });
  liveness.start();
  return liveness;
}
