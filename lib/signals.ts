/** The master's signal table. docs/signals.md says why each does what it does. */

import type { Host } from './host.js';
import type { Logger } from './types.js';

export interface SignalTarget {
  /** Graceful stop. */
  stop(): unknown;
  stopNow(): unknown;
}

const STOP: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGQUIT'];

/** Returns the undo. */
export function installSignals(host: Host, log: Logger, target: SignalTarget): () => void {
  let stopping = false;
  const stop = (signal: NodeJS.Signals) => {
    log.info(`${signal}: ${stopping ? 'stopping at once' : 'stopping; a second signal stops at once'}`);
    if (stopping) target.stopNow();
    else target.stop();
    stopping = true;
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
  return () => {
    for (const off of undo) off();
  };
}
