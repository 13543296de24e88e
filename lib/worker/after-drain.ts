/** In a worker whose last connection has ended: it leaves by itself, or is helped to. */

import { keptAliveBy } from '../common/kept-alive.js';
import type { Log } from '../common/log.js';

/** A worker that is still there then is worth a line. Milliseconds. */
const NOTICE = 1_000;

export interface AfterDrain {
  readonly log: Pick<Log, 'warn'>;
  /** Milliseconds; `undefined`: not before the deadline. */
  readonly exitAfterDrain: number | undefined;
  /** Milliseconds until the deadline; `undefined` when there is none. */
  readonly left: () => number | undefined;
}

/** Keeps nothing alive by itself. To be called when the promise of `prefork()` settles: the code behind it runs first. */
export function leave({ log, exitAfterDrain, left }: AfterDrain): void {
  if (exitAfterDrain !== undefined) setTimeout(() => process.exit(), exitAfterDrain).unref();
  if (exitAfterDrain !== undefined && exitAfterDrain <= NOTICE) return;
  setTimeout(() => {
    const end = exitAfterDrain === undefined ? left() : exitAfterDrain - NOTICE;
    log.warn(
      `drained ${NOTICE} ms ago, and the event loop is kept alive by ${keptAliveBy()}. ` +
        'End it when worker.signal aborts or behind prefork(), unref() it, or set exitAfterDrain' +
        (end === undefined ? '' : `; the process is ended in ${Math.round(end)} ms`),
      { event: 'drain' },
    );
  }, NOTICE).unref();
}
