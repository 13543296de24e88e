/** Kills the master of a fleet, and looks which processes are left of it: for W19 and W20. */

import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { eventually } from './eventually.js';
import { connectRaw } from './http.js';
import type { FixtureEvent, Master } from './master.js';
import { isAlive, isDead, processes, sendSignal } from './processes.js';
import { commandWorks } from './skip.js';
import { target } from './target.js';

/** Milliseconds. Workers are gone 1 s after their grace, which one test measures (end.test.ts); some of many may have to wait for a CPU. */
const MARGIN = 10_000;

/** Every living process below `pid`, however deep. */
export function descendants(pid: number): readonly number[] {
  const all = processes().filter((info) => !isDead(info));
  const below = (parent: number): number[] =>
    all.filter((info) => info.ppid === parent).flatMap((info) => [info.pid, ...below(info.pid)]);
  return below(pid);
}

/**
 * Kills the master with SIGKILL, and expects that everything below it is gone soon after the grace period.
 * @param grace Milliseconds; 0 where no grace applies.
 * @param pid The master, where it is not the process that the test started.
 * @returns how long it took, in milliseconds.
 */
export async function killMaster(master: Master, grace: number, pid: number = master.pid): Promise<number> {
  // Children that appear between the look and the kill are caught by the leak check of the file.
  const orphans = descendants(pid);
  const before = performance.now();
  sendSignal(pid, 'SIGKILL');
  await eventually(() => orphans.every((orphan) => !isAlive(orphan)), {
    within: grace + MARGIN,
    what: `${orphans.length} orphans (${orphans.join(', ')}) end\n${master.transcript()}`,
  });
  const took = performance.now() - before;
  // On a target with an agent each process registers itself: one that has just begun is not known yet.
  if (target.agent === undefined) expect(orphans.length).toBeGreaterThan(0);
  return took;
}

/** Sends requests until every worker has one that it never finishes: `/block`, `/stream` or `/hang`. */
export async function occupy(master: Master, port: number, path: string, workers: number): Promise<void> {
  const busy = new Set<number>();
  while (busy.size < workers) {
    const seen = master.events('request').length;
    const connection = await connectRaw({ port });
    connection.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    busy.add((await master.event('request', { nth: seen + 1 }))['pid']);
  }
}

/** The fixture is watched by a process that adopts its orphans and reports how each of them ended. `master.pid` is that process. */
export const reapingOrphans = [
  'python3',
  fileURLToPath(new URL('../fixtures/reaps-orphans.py', import.meta.url)),
] as const;

/** False without python3. */
export const canReapOrphans = (): boolean => commandWorks(...reapingOrphans, 'true');

/** How processes ended, by pid: for a fixture behind {@link reapingOrphans}. */
export function reaped(master: Master): ReadonlyMap<number, FixtureEvent> {
  return new Map(master.events('reaped').map((event) => [event['pid'] as number, event]));
}
