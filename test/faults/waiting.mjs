// Bounded waiting for what no event announces.
import { setTimeout as delay } from 'node:timers/promises';

/** @returns the first value that is true, or undefined when there is none in time. */
export async function eventually(condition, within) {
  const deadline = performance.now() + within;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > deadline) return undefined;
    await delay(10);
  }
}

/** @throws when there is no such value in time. */
export async function until(condition, what, within = 20_000) {
  const value = await eventually(condition, within);
  if (value === undefined) throw new Error(`not within ${within} ms: ${what}`);
  return value;
}
