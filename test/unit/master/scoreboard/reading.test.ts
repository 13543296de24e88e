import { expect, test } from 'vitest';
import {
  ACTIVE,
  CONNECTIONS,
  DELAY_MAX,
  DUE,
  monotonic,
  PID,
  TURNED,
  WORDS,
} from '../../../../lib/protocol/scoreboard.js';
import type { SlotReading } from '../../../../lib/types.js';
import { hastyFleet } from '../../../helpers/fake-fleet.js';
import { FakeSystem } from '../../../helpers/fake-system.js';

/** A fleet of one worker, and the line in which a test writes what the worker would. */
async function counted(): Promise<{ read(): Promise<SlotReading>; words: Float64Array }> {
  const system = new FakeSystem();
  const memory = new ArrayBuffer(WORDS * 8);
  Object.assign(system, { openScoreboard: () => ({ fd: 22, rows: 1, memory, close() {} }) });
  const { master, started } = hastyFleet({ workers: 1 }, system);
  await system.advance(0);
  await started;
  const read = async (): Promise<SlotReading> => (await master.metrics()).workers[0] as SlotReading;
  return { read, words: new Float64Array(memory) };
}

test('a worker that has not begun to count is never late, and all its numbers are 0', async () => {
  const { read } = await counted();
  expect(await read()).toMatchObject({
    counted: false,
    connections: 0,
    loopDelayMax: 0,
    slot: 0,
    pid: 5_000_000,
    state: 'ready',
  });
});

test('a loop is late when the beat that was due did not come, since it turned last; before that it sleeps', async () => {
  const { read, words } = await counted();
  words[PID] = 4_711;
  words[TURNED] = monotonic() - 5_000;
  words[DUE] = monotonic() + 5_000;
  words[DELAY_MAX] = 3;
  const before = Date.now();
  const asleep = await read();
  expect(asleep.lastTurnAt).toBeGreaterThanOrEqual(before);
  expect(asleep.loopDelayMax).toBe(3);
  words[DUE] = monotonic() - 4_000;
  const late = await read();
  expect(Date.now() - late.lastTurnAt).toBeGreaterThanOrEqual(5_000);
  expect(late.loopDelayMax).toBeGreaterThanOrEqual(5_000);
});

test('M10 no number that a worker can write is more than a count', async () => {
  const { read, words } = await counted();
  for (const wrong of [Number.NaN, -1, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 1e300]) {
    words.fill(wrong);
    const {
      connections,
      activeRequests,
      loopDelayMean,
      loopDelayMax,
      heapUsed,
      lastTurnAt,
      counted: counts,
    } = await read();
    expect([connections, activeRequests, loopDelayMean, loopDelayMax, heapUsed]).toEqual([0, 0, 0, 0, 0]);
    expect(Math.abs(lastTurnAt - Date.now())).toBeLessThan(60_000);
    expect(counts).toBe(false);
  }
  words[CONNECTIONS] = 2;
  words[ACTIVE] = 1;
  expect(await read()).toMatchObject({ connections: 2, activeRequests: 1 });
});
