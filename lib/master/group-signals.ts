/**
 * Signals to the whole process group (from dumb-init, `tini -g`, nodemon) and the workers that are too young for them:
 * from exec to the preload a worker has the default dispositions (Node resets what was blocked or ignored), and ends.
 *     kernel: SIGHUP → master, workers          master: "SIGHUP: reloading"          worker that boots: killed by SIGHUP
 * Such an end says nothing about the program.
 */

import { constants } from 'node:os';
import type { ProcessExit, System } from '../system/system.js';

/** What a master answers otherwise than by its end: everything else stops the fleet, and then every exit was asked for. */
const SURVIVED = ['SIGHUP', 'SIGUSR2'] as const;
const YOUNG: ReadonlySet<NodeJS.Signals> = new Set(['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR2']);
/** How long before the end of a worker was noticed the master may have got the signal, in milliseconds: a busy machine takes its time. */
const BEFORE = 1_000;

/** The signal of everybody that the exit may come from; behind a shell it is a code. */
export function signalOfGroup({ code, signal }: ProcessExit): NodeJS.Signals | undefined {
  if (signal !== null) return YOUNG.has(signal) ? signal : undefined;
  return [...YOUNG].find((name) => code === 128 + constants.signals[name]);
}

export class GroupSignals {
  readonly #system: Pick<System, 'now' | 'onSignal'>;
  readonly #heard = new Map<NodeJS.Signals, number>();
  readonly #undo: (() => void)[] = [];

  constructor(system: Pick<System, 'now' | 'onSignal'>) {
    this.#system = system;
  }

  /** Begins to listen. Not in a program that has the signals to itself: a handler would change what they do. */
  listen(): void {
    for (const name of SURVIVED) {
      this.#undo.push(this.#system.onSignal(name, () => void this.#heard.set(name, this.#system.now())));
    }
  }

  off(): void {
    for (const undo of this.#undo.splice(0)) undo();
  }

  /** Whether the master, too, got the signal just now. */
  heard(signal: NodeJS.Signals): boolean {
    const at = this.#heard.get(signal);
    return at !== undefined && this.#system.now() - at <= BEFORE;
  }
}
