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
 * Keeps these signals from the handlers of the program until it has drained. To be called before any code of the program, and before the
 * worker has handlers: a signal that has come by the time that a handler is taken away is lost.
 *     master: SIGTERM → worker     worker: on(), off(), on() … and the event loop runs for the first time: libuv knows of no such handler
 * @param install Installs the worker's own handlers.
 * @returns gives the signals free.
 */
export function holdSignals(install: () => void): () => void {
  const emitter = process as EventEmitter;
  const { emit } = emitter;
  let held: readonly (readonly [NodeJS.Signals, readonly NodeJS.SignalsListener[]])[] = [];
  emitter.emit = (name, ...values) => {
    const [, handlers] = held.find(([signal]) => signal === name) ?? [];
    if (handlers === undefined) return Reflect.apply(emit, process, [name, ...values]) as boolean;
    for (const handle of handlers) Reflect.apply(handle, process, values);
    return true;
  };
  // Node has bound the emit of before to a signal with its first handler (node: lib/internal/process/signal.js), and does so anew.
  for (const signal of ENDS) {
    const handlers = handlersOf(signal);
    for (const handle of handlers) process.off(signal, handle);
    for (const handle of handlers) process.on(signal, handle);
  }
  install();
  held = ENDS.map((signal) => [signal, handlersOf(signal)] as const);
  return () => {
    held = [];
  };
}

function handlersOf(signal: NodeJS.Signals): NodeJS.SignalsListener[] {
  return process.listeners(signal) as NodeJS.SignalsListener[];
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
