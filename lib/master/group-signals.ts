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
/** What reached a process that was being started reached the master up to so many milliseconds before it knew of the process. */
const SPAWN_TIME = 1_000;

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

  /**
   * Whether the master, too, got the signal in the time of a process that it has just seen end. That may have taken its time to die: on a busy
   * machine, or stopped.
   * @param uptime Milliseconds that the process was there.
   */
  heard(signal: NodeJS.Signals, uptime: number): boolean {
    const at = this.#heard.get(signal);
    return at !== undefined && this.#system.now() - at <= uptime + SPAWN_TIME;
  }
}
