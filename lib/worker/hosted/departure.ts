/** How a program ends that knows nothing of drains: it hears SIGTERM, if it wants to, when its last connection has ended. */

import type { EventEmitter } from 'node:events';
import { constants } from 'node:os';
import { type AfterDrain, leave } from '../after-drain.js';

export function leaveHosted({ signalled, exitAfterDrain, ...end }: AfterDrain): void {
  // One of the handlers is the worker's own.
  const handles = process.listenerCount('SIGTERM') > 1;
  // With what Node gives such a handler.
  if (handles && !signalled) (process as EventEmitter).emit('SIGTERM', 'SIGTERM', constants.signals.SIGTERM);
  // What it has to clean up may take its time, until the deadline.
  leave({ ...end, exitAfterDrain: handles ? undefined : exitAfterDrain });
}
