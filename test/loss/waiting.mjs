// Bounded waiting for what no event announces: of the suites of loss, faults and systemd, and of the soak.
import { setTimeout as delay } from 'node:timers/promises';

/** Workers of every fleet, as long as no scenario scales it. */
export const WORKERS = 4;
/** Milliseconds. */
const PATIENCE = 60_000;

/** @returns the pids of the workers that serve, once they are so many. */
export function untilServing(fleet, count) {
  return until(async () => {
    const workers = await fleet.call('workers');
    return workers.length >= count && workers;
  }, `${count} workers serve`);
}

/** @returns the first value that is true, or undefined when there is none within so many milliseconds. */
export async function eventually(condition, within) {
  const deadline = performance.now() + within;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > deadline) return undefined;
    await delay(20);
  }
}

/** @throws when there is no such value in time. */
export async function until(condition, what, within = PATIENCE) {
  const value = await eventually(condition, within);
  if (value === undefined) throw new Error(`Not within ${within} ms: ${what}`);
  return value;
}
