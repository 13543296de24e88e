import { expect, test } from 'vitest';
import { IDLE_ENDS_MS, MASTER_KILLS_MS, NATIVE_ENDS_MS } from '../../../lib/protocol/deadlines.js';

test('at its deadline a worker first ends by itself, then by the master, and by its own thread only without one', () => {
  const timeline = [0, IDLE_ENDS_MS, MASTER_KILLS_MS, NATIVE_ENDS_MS];
  expect(timeline).toEqual(timeline.toSorted((a, b) => a - b));
  // A busy machine runs timers late: steps that are closer than this may change places.
  for (let i = 1; i < timeline.length; i++)
    expect((timeline[i] as number) - (timeline[i - 1] as number)).toBeGreaterThanOrEqual(50);
});
