/**
 * How a program ends that knows nothing of drains: it hears a signal, if it wants to, when its last connection has ended.
 *
 * Service managers and terminals send theirs to the whole group. A program that exits in its handler would cut what it has accepted:
 *     kernel: SIGTERM → group     program: handler, exit()     master: SIGTERM → drain, too late
 */

import type { EventEmitter } from 'node:events';
import { constants } from 'node:os';
import { type AfterDrain, leave } from '../after-drain.js';

/** With which a program exits that ends itself because of SIGTERM, as a shell reports it. */
const SIGTERM_CODE = 128 + constants.signals.SIGTERM;

/** With which people and supervisors end a process. */
const ENDS = ['SIGTERM', 'SIGINT'] as const;

/**
 * Keeps these signals from the handlers of the program until it has drained. To be called when the worker's own are installed, and before any
 * of the program.
 * @returns gives them free.
 */
export function holdSignals(): () => void {
  const own = ENDS.map((signal) => [signal, process.listeners(signal) as NodeJS.SignalsListener[]] as const);
  const emitter = process as EventEmitter;
  const { emit } = emitter;
  let held = true;
  emitter.emit = (name, ...values) => {
    const [, handlers] = (held && own.find(([signal]) => signal === name)) || [];
    if (handlers === undefined) return Reflect.apply(emit, process, [name, ...values]) as boolean;
    for (const handle of handlers) Reflect.apply(handle, process, values);
    return true;
  };
  // Node has bound the emit of before to a signal with its first handler (node: lib/internal/process/signal.js), and does so anew.
  for (const [signal, handlers] of own) {
    for (const handle of handlers) process.off(signal, handle);
    for (const handle of handlers) process.on(signal, handle);
  }
  return () => {
    held = false;
  };
}

/** A program that was asked to end has done so, whichever way it says it. */
export function endsWell(draining: () => boolean): void {
  process.on('exit', (code) => {
    if (code === SIGTERM_CODE && draining()) process.exitCode = 0;
  });
}

/** The worker's own handlers: one that drains, and the one below. */
const OWN_HANDLERS = 2;

/** @param release See {@link holdSignals}. */
export function leaveHosted({ exitAfterDrain, ...end }: AfterDrain, release: () => void): void {
  release();
  // One of the handlers is the worker's own. Programs that know only a terminal handle SIGINT alone.
  const signal = ENDS.find((name) => process.listenerCount(name) > 1);
  const handles = signal !== undefined;
  // With what Node gives such a handler.
  if (handles) (process as EventEmitter).emit(signal, signal, constants.signals[signal]);
  // NestJS removes its handler when it has cleaned up, and sends itself the signal again: without the worker's own that ends a process.
  process.on('SIGTERM', () => {
    if (process.listenerCount('SIGTERM') <= OWN_HANDLERS) process.exit();
  });
  // What it has to clean up may take its time, until the deadline.
  leave({ ...end, exitAfterDrain: handles ? undefined : exitAfterDrain });
}
