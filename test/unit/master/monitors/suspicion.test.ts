import { expect, test } from 'vitest';
import { COMPARE_AFTER_MS, Suspicion } from '../../../../lib/master/monitors/suspicion.js';

const neverStarved = (): number => 0;

/** Worker 'a' of slot 0 was asked at 0 ms; the others, 'b' and 'c', at 15 ms. */
function suspicion(starved: (worker: string) => number | undefined = neverStarved): Suspicion<string> {
  const made = new Suspicion(0, ['a'], 0);
  expect(made.compare(['b', 'c'], COMPARE_AFTER_MS, starved)).toBe(35);
  return made;
}

test('a worker is stalled when it has not answered for 50 ms, and the others answered quickly', () => {
  const made = suspicion();
  made.answered('b', 16);
  made.answered('c', 17);
  expect(made.verdict(true, 49, neverStarved)).toEqual({ wait: 10 });
  expect(made.verdict(true, 50, neverStarved)).toBe('stalled');
});

test('a suspect that answers is none; an answer of another worker acquits no suspect', () => {
  const made = suspicion();
  expect(made.answered('b', 20)).toBe(false);
  expect(made.answered('a', 21)).toBe(true);
});

test('a queue that has been emptied, and a suspect without others to compare it with, are no stall', () => {
  const made = suspicion();
  made.answered('b', 16);
  expect(made.verdict(false, 60, neverStarved)).toBe('unfounded');
  const alone = new Suspicion(0, ['a'], 0);
  alone.compare([], COMPARE_AFTER_MS, neverStarved);
  expect(alone.verdict(true, 60, neverStarved)).toBe('unfounded');
});

test('while no other worker has answered either there is no verdict, however long that takes', () => {
  const made = suspicion();
  for (const now of [50, 200, 10_000]) expect(made.verdict(true, now, neverStarved)).toEqual({ wait: 25 });
});

test('a suspect must be three times slower than the others on average, those that have not answered included', () => {
  const made = suspicion();
  made.answered('b', 35);
  // 'b' took 20 ms, 'c' has taken 45 ms so far: 32.5 on average.
  expect(made.verdict(true, 60, neverStarved)).toEqual({ wait: 38 });
  // 'c' answers after 50 ms: 35 on average.
  made.answered('c', 65);
  expect(made.verdict(true, 104, neverStarved)).toEqual({ wait: 10 });
  expect(made.verdict(true, 105, neverStarved)).toBe('stalled');
});

test('200 ms of its own time are a stall however slow the others are', () => {
  const made = suspicion();
  made.answered('b', 165);
  expect(made.verdict(true, 199, neverStarved)).toEqual({ wait: 10 });
  expect(made.verdict(true, 200, neverStarved)).toBe('stalled');
});

test('time that a suspect has waited for a CPU since the comparison is not its own', () => {
  const made = suspicion(() => 1_000);
  made.answered('b', 16);
  made.answered('c', 16);
  expect(made.verdict(true, 60, () => 1_030)).toEqual({ wait: 20 });
  expect(made.verdict(true, 80, () => 1_030)).toBe('stalled');
});

test('a system that does not report that time counts none', () => {
  const made = suspicion(() => undefined);
  made.answered('b', 16);
  made.answered('c', 16);
  expect(made.verdict(true, 50, () => undefined)).toBe('stalled');
});

test('of two suspects of a slot that changes hands the slower one decides when to look again', () => {
  const made = new Suspicion(0, ['old', 'new'], 0);
  made.compare(['b'], COMPARE_AFTER_MS, neverStarved);
  made.answered('b', 16);
  expect(made.verdict(true, 60, (worker) => (worker === 'new' ? 40 : 0))).toEqual({ wait: 30 });
  expect(made.suspects).toEqual(['old', 'new']);
});

test('a suspicion ends with its last suspect', () => {
  const made = new Suspicion(0, ['old', 'new'], 0);
  expect(made.forget('old')).toBe(false);
  expect(made.forget('unknown')).toBe(false);
  expect(made.forget('new')).toBe(true);
});
