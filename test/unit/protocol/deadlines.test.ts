import { expect, test } from 'vitest';
import { IDLE_ENDS_MS, leftOf, MASTER_KILLS_MS, NATIVE_ENDS_MS } from '../../../lib/protocol/deadlines.js';

test('at its deadline a worker first ends by itself, then by the master, and by its own thread only without one', () => {
  const timeline = [0, IDLE_ENDS_MS, MASTER_KILLS_MS, NATIVE_ENDS_MS];
  expect(timeline).toEqual(timeline.toSorted((a, b) => a - b));
  // A busy machine runs timers late: steps that are closer than this may change places.
  for (let i = 1; i < timeline.length; i++)
    expect((timeline[i] as number) - (timeline[i - 1] as number)).toBeGreaterThanOrEqual(50);
});

test('who reads an order late has the rest of its time, and all of it where the clocks cannot be the same', () => {
  expect([-5, 0, 400, 1_000, 1_150].map((late) => leftOf(1_000, late))).toEqual([1_000, 1_000, 600, 0, 0]);
  for (const late of [1_200, 1e9, -1e9, Number.NaN]) expect(leftOf(1_000, late)).toBe(1_000);
  expect(leftOf(Number.POSITIVE_INFINITY, 400)).toBe(Number.POSITIVE_INFINITY);
});
