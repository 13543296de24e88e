import { expect, test } from 'vitest';
import type { RecoverySettings } from '../../lib/options.js';
import { RecoveryPolicy } from '../../lib/recovery.js';

const backoff = { kind: 'backoff', initial: 100, max: 1_000, factor: 2, jitter: 0.2 } as const;

function policy(settings: Partial<RecoverySettings> = {}, random = () => 0.5): RecoveryPolicy {
  return new RecoveryPolicy({ threshold: 100, window: 60_000, interval: backoff, ...settings }, random);
}

test('the first exit of a slot is recovered at once, then the delay grows up to its maximum', () => {
  const judge = policy();
  const delays = [0, 1, 2, 3, 4, 5, 6].map((now) => judge.judge(0, 10, now));
  expect(delays.map((verdict) => verdict.kind === 'recover' && verdict.delay)).toEqual([
    0, 100, 200, 400, 800, 1_000, 1_000,
  ]);
});

test('slots have delays of their own, and a run as long as the window resets one', () => {
  const judge = policy();
  judge.judge(0, 10, 0);
  expect(judge.judge(0, 10, 10)).toMatchObject({ delay: 100 });
  expect(judge.judge(1, 10, 20)).toMatchObject({ delay: 0 });
  expect(judge.judge(0, 60_000, 70_000)).toMatchObject({ delay: 0 });
});

test('jitter takes away or adds its share', () => {
  for (const [random, delay] of [
    [0, 80],
    [1, 120],
  ] as const) {
    const judge = policy({}, () => random);
    judge.judge(0, 10, 0);
    expect(judge.judge(0, 10, 1)).toMatchObject({ delay });
  }
});

test('a number is a fixed delay before every recovery, the first included', () => {
  const judge = policy({ interval: { kind: 'fixed', delay: 50 } });
  expect(judge.judge(0, 1, 0)).toMatchObject({ kind: 'recover', delay: 50 });
  expect(judge.judge(0, 1, 1)).toMatchObject({ kind: 'recover', delay: 50 });
});

test('W6 the threshold is a rate: only exits inside the sliding window count', () => {
  const judge = policy({ threshold: 2, window: 1_000 });
  expect(judge.judge(0, 1, 0).kind).toBe('recover');
  expect(judge.judge(0, 1, 500).kind).toBe('recover');
  expect(judge.judge(0, 1, 1_000)).toMatchObject({ kind: 'recover', count: 2 });
  expect(judge.judge(0, 1, 1_400)).toMatchObject({ kind: 'give-up', count: 3 });
});

test('threshold 0 gives up at the first exit, Infinity never', () => {
  expect(policy({ threshold: 0 }).judge(0, 1, 0).kind).toBe('give-up');
  const endless = policy({ threshold: Number.POSITIVE_INFINITY });
  for (let now = 0; now < 1_000; now++) expect(endless.judge(0, 1, now).kind).toBe('recover');
});

test('an infinite window counts over the lifetime of the master', () => {
  const judge = policy({ threshold: 1, window: Number.POSITIVE_INFINITY });
  judge.judge(0, 1, 0);
  expect(judge.judge(0, 1, 1e12).kind).toBe('give-up');
});
