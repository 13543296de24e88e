/** The master's signal table. docs/guide/deploy.md says why each does what it does. */

import { reasonOf } from '../common/in-words.cjs';
import type { Log } from '../common/log.js';
import { afterStall, type Timer } from '../common/timers.js';
import type { System } from '../system/system.js';

export interface SignalTarget {
  /** Graceful stop. */
  stop(): unknown;
  /** It was asked to stop, and serves on for a while (`drainDelay`). */
  readonly waits: boolean;
  /** Ends that while; without one, the stop is over at once. */
  hurry(): unknown;
  reload(): Promise<unknown>;
  scale(workers: (now: number) => number): Promise<unknown>;
}

/** SIGBREAK is Ctrl+Break, which only Windows has: elsewhere it is an event that never comes. */
const STOP: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGBREAK'];
/**
 * One wish often arrives twice: npm passes on the SIGINT that the terminal has already sent to everybody, timeout(1) signals its
 * child and then the whole group, nodemon sends SIGINT after a SIGTERM. Whichever of these signals comes within so many milliseconds of
 * the first is the same wish: no person presses Ctrl-C twice as fast.
 */
const ECHO = 200;

export interface InstalledSignals {
  /**
   * Milliseconds during which the echo of the signal that stopped the fleet may still come. Without a handler it would end a master
   * that has done its work, and the exit code would be the signal's.
   */
  echo(): number;
  off(): void;
}

export function installSignals(system: System, log: Log, target: SignalTarget): InstalledSignals {
  /** When the first signal asked the fleet to stop. */
  let asked: number | undefined;
  /** Until then a signal is an echo, also one that came in time to a master that got no CPU. */
  let echoing: Timer | undefined;
  const begin = () => {
    asked = system.now();
    echoing = afterStall(system, ECHO, ECHO, () => {
      echoing = undefined;
    });
  };
  const stop = (signal: NodeJS.Signals) => {
    if (asked === undefined) {
      begin();
      log.info(`${signal}: stopping; a second signal stops at once`, { event: 'stop', signal });
      target.stop();
    } else if (echoing === undefined) {
      log.info(`${signal}: stopping ${target.waits ? 'now; a third signal stops at once' : 'at once'}`, {
        event: 'stop',
        signal,
      });
      // The echo of this one must not be the third.
      if (target.waits) begin();
      target.hurry();
    }
  };
  const undo = STOP.map((signal) => system.onSignal(signal, () => stop(signal)));
  // Asked now: a terminal that hangs up is taken away from its session before SIGHUP is sent (Linux __tty_hangup), so that the
  // handler would find none.
  const onTerminal = system.hasControllingTerminal();
  // The verdict is logged by the operation itself; what it throws is that the fleet stops, or a new worker's boot failure.
  const ask = (signal: NodeJS.Signals, event: 'reload' | 'scale', what: string, operation: () => Promise<unknown>) => {
    log.info(`${signal}: ${what}`, { event, signal });
    operation().catch((error: unknown) => log.error(`${signal}: ${reasonOf(error)}`, { event, signal, error }));
  };
  undo.push(
    system.onSignal('SIGHUP', () => {
      // A closing terminal sends SIGHUP: the person who started the fleet there has left.
      if (onTerminal) stop('SIGHUP');
      else ask('SIGHUP', 'reload', 'reloading', () => target.reload());
    }),
    system.onSignal('SIGTTIN', () => ask('SIGTTIN', 'scale', 'one worker more', () => target.scale((now) => now + 1))),
    system.onSignal('SIGTTOU', () =>
      ask('SIGTTOU', 'scale', 'one worker less', () => target.scale((now) => Math.max(1, now - 1))),
    ),
    // Its default action would end the master. nodemon's default, and the usual reason for it to come.
    system.onSignal('SIGUSR2', () =>
      log.warn(
        'SIGUSR2: reserved for upgrading the master in place; nothing is done (to restart with nodemon: nodemon --signal SIGTERM)',
        { signal: 'SIGUSR2' },
      ),
    ),
  );
  return {
    echo: () => (asked === undefined ? 0 : Math.max(0, ECHO - (system.now() - asked))),
    off: () => {
      echoing?.cancel();
      for (const one of undo) one();
    },
  };
}
