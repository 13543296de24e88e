/** The inspector of a worker, as its answers to the master's pings name it, and its end. */

import { setTimeout as delay } from 'node:timers/promises';
import type { InspectorPort } from '../protocol/protocol.cjs';

/** The signal that opens the inspector may be on its way. Milliseconds. */
const ON_THE_WAY = 1_000;

/**
 * `--inspect-port=0` is 0 until the inspector is open, and then the port that it got. Asking node:inspector itself would cost every
 * worker more than a megabyte.
 */
export function inspectorPort(): { readonly inspector?: InspectorPort } {
  if (process.debugPort > 0) return { inspector: process.debugPort };
  return process.listenerCount('SIGUSR1') > 0 ? { inspector: false } : {};
}

/**
 * Ends the connections of debuggers, too.
 * @param before Ports on which this process listened before the question that may have opened the inspector: one there is the program's.
 */
export async function closeInspector(before: readonly number[]): Promise<void> {
  const { close, url } = await import('node:inspector');
  // A process that was stopped may read the message before it takes the signal.
  if (url() === undefined) await delay(ON_THE_WAY, undefined, { ref: false });
  const open = url();
  if (open !== undefined && !before.includes(Number(new URL(open).port))) close();
}
