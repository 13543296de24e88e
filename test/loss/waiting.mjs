// What scenarios wait for.
import { setTimeout as delay } from 'node:timers/promises';

/** Workers of every fleet, as long as no scenario scales it. */
export const WORKERS = 4;
/** Milliseconds until something has to have happened that no event announces. */
const PATIENCE = 60_000;

/** @returns the pids of the workers that serve, once they are so many. */
export function untilServing(fleet, count) {
  return until(async () => {
    const workers = await fleet.call('workers');
    return workers.length >= count && workers;
  }, `${count} workers serve`);
}

/** Polls for what no event announces. */
export async function until(condition, what) {
  const deadline = performance.now() + PATIENCE;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`Not within ${PATIENCE} ms: ${what}`);
    await delay(20);
  }
}
