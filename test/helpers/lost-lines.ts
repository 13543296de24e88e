import type { Master } from './master.js';

/** How many lines of its workers' stdout the master has logged as lost, because no process read them in time. */
export function lostLines({ stderr }: Master): number {
  return [...stderr.matchAll(/ lost (\d+) lines? of its stdout/g)].reduce((sum, [, lines]) => sum + Number(lines), 0);
}
