/** The inspector of a worker, as its answers to the master's pings name it. */

import type { InspectorPort } from '../protocol/protocol.cjs';

/**
 * `--inspect-port=0` is 0 until the inspector is open, and then the port that it got. Asking node:inspector itself would cost every
 * worker more than a megabyte.
 */
export function inspectorPort(): { readonly inspector?: InspectorPort } {
  if (process.debugPort > 0) return { inspector: process.debugPort };
  return process.listenerCount('SIGUSR1') > 0 ? { inspector: false } : {};
}
