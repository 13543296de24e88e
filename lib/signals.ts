/** The master's signal table. docs/signals.md says why each does what it does. */

import type { Host } from './host.js';
import type { Logger } from './types.js';

export interface SignalTarget {
  /** Graceful stop. */
  stop(): unknown;
  stopNow(): unknown;
}

const STOP: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGQUIT'];
/**
 * One wish often arrives twice: npm passes on the SIGINT that the terminal has already sent to everybody, timeout(1) signals its
 * child and then the whole group. A signal that comes again within so many milliseconds is the same one; nobody presses
 * Ctrl-C twice as fast.
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

export function installSignals(host: Host, log: Logger, target: SignalTarget): InstalledSignals {
  let asked: { readonly by: NodeJS.Signals; readonly at: number } | undefined;
  const stop = (signal: NodeJS.Signals) => {
    const now = host.now();
    if (asked === undefined) {
      asked = { by: signal, at: now };
      log.info(`${signal}: stopping; a second signal stops at once`);
      target.stop();
    } else if (signal !== asked.by || now - asked.at >= ECHO) {
      log.info(`${signal}: stopping at once`);
      target.stopNow();
    }
  };
  const undo = STOP.map((signal) => host.onSignal(signal, () => stop(signal)));
  // Asked now: a terminal that hangs up is taken away from its session before SIGHUP is sent (Linux __tty_hangup), so that the
  // handler would find none.
  const onTerminal = host.hasControllingTerminal();
  undo.push(
    host.onSignal('SIGHUP', () => {
      // A closing terminal sends SIGHUP: the person who started the fleet there has left.
      if (onTerminal) stop('SIGHUP');
      else log.warn('SIGHUP: this version cannot reload yet; nothing is done');
    }),
  );
  // Their default actions would stop or end the master.
  for (const signal of ['SIGTTIN', 'SIGTTOU', 'SIGUSR2'] as const) {
    undo.push(host.onSignal(signal, () => log.warn(`${signal}: not supported by this version; nothing is done`)));
  }
  return {
    echo: () => (asked === undefined ? 0 : Math.max(0, ECHO - (host.now() - asked.at))),
    off: () => {
      for (const one of undo) one();
    },
  };
}
