/** How a program ends that knows nothing of drains: it hears SIGTERM, if it wants to, when its last connection has ended. */

import type { EventEmitter } from 'node:events';
import { constants } from 'node:os';
import { type AfterDrain, leave } from '../after-drain.js';

/** With which a program exits that ends itself because of SIGTERM, as a shell reports it. */
const SIGTERM_CODE = 128 + constants.signals.SIGTERM;

/** A program that was asked to end has done so, whichever way it says it. */
export function endsWell(draining: () => boolean): void {
  process.on('exit', (code) => {
    if (code === SIGTERM_CODE && draining()) process.exitCode = 0;
  });
}

/** The worker's own handlers: one that drains, and the one below. */
const OWN_HANDLERS = 2;

export function leaveHosted({ signalled, exitAfterDrain, ...end }: AfterDrain): void {
  // One of the handlers is the worker's own.
  const handles = process.listenerCount('SIGTERM') > 1;
  // With what Node gives such a handler.
  if (handles && !signalled) (process as EventEmitter).emit('SIGTERM', 'SIGTERM', constants.signals.SIGTERM);
  // NestJS removes its handler when it has cleaned up, and sends itself the signal again: without the worker's own that ends a process.
  process.on('SIGTERM', () => {
    if (process.listenerCount('SIGTERM') <= OWN_HANDLERS) process.exit();
  });
  // What it has to clean up may take its time, until the deadline.
  leave({ ...end, exitAfterDrain: handles ? undefined : exitAfterDrain });
}
