/** A `serve` that returned nothing although a server listens: most often its `return` is missing. The worker calls it. */

import type { Log } from '../common/log.js';
import type { Settings } from '../options/settings.js';
import type { InheritedServers } from './accepting/inherited-servers.js';

/** How long a server may listen before the program calls `worker.ready()` and is taken for one that will. */
const PATIENCE_MS = 1_000;

/**
 * Whether a `serve` that returned nothing can only have forgotten it: it takes the listener alone, so it has no `worker.ready()` to call.
 * Its server counts as returned.
 */
export function forgotReturn(serve: Settings['serve']): boolean {
  return typeof serve === 'function' && serve.length === 1;
}

export interface Unreturned {
  /** Settles when the program has called `worker.ready()`. */
  readonly said: Promise<void>;
  readonly inherited: Pick<InheritedServers, 'any'>;
  /** The addresses of the fleet, in words. */
  readonly where: string;
  readonly log: Pick<Log, 'warn'>;
  readonly readyTimeout: number;
}

/** Logs one line when a server listens and the program does not say that it is ready: it may yet, or it never will. */
export function warnIfUnreturned({ said, inherited, where, log, readyTimeout }: Unreturned): void {
  let ready = false;
  void said.then(() => {
    ready = true;
  });
  const warn = (): void => {
    if (ready) return;
    log.warn(
      `serve returned nothing, although a server listens on ${where}: return it, or call worker.ready(). ` +
        `Until then the worker is not ready; the master kills it ${readyTimeout} ms after its start (readyTimeout)`,
    );
  };
  void inherited.any.then(() => setTimeout(warn, PATIENCE_MS).unref());
}
