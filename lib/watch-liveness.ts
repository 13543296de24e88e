/** The watch over the event loops of a fleet, with everything real around it. Loaded by masters that have a `livenessTimeout`. */

import type { Host } from './host.js';
import type { OpenListener } from './listeners.js';
import { Liveness } from './liveness.js';
import type { Logger } from './types.js';
import type { WorkerHandle } from './worker-handle.js';

/**
 * Watches from now on.
 * @param timeout Milliseconds without progress that are too long.
 */
export function watchLiveness(
  timeout: number,
  host: Host,
  log: Logger,
  listeners: readonly OpenListener[],
  workers: Iterable<WorkerHandle>,
): Liveness<WorkerHandle> {
  const liveness = new Liveness<WorkerHandle>({
    timeout,
    host,
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
