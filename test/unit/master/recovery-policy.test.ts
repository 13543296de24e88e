import { expect, test } from 'vitest';
import { type Loss, RecoveryPolicy } from '../../../lib/master/recovery-policy.js';
import type { RecoverySettings } from '../../../lib/options/settings.js';

const backoff = { kind: 'backoff', initial: 100, max: 1_000, factor: 2, jitter: 0.2 } as const;

function policy(settings: Partial<RecoverySettings> = {}, random = () => 0.5): RecoveryPolicy {
  return new RecoveryPolicy({ threshold: 100, window: 60_000, interval: backoff, ...settings }, random);
}

const crashed = (slot: number, uptime: number): Loss => ({ slot, uptime, ended: 'late', othersServe: false });

test('the first exit of a slot is recovered at once, then the delay grows up to its maximum', () => {
  const judge = policy();
  const delays = [0, 1, 2, 3, 4, 5, 6].map((now) => judge.judge(crashed(0, 10), now));
  expect(delays.map((verdict) => verdict.kind === 'recover' && verdict.delay)).toEqual([
    0, 100, 200, 400, 800, 1_000, 1_000,
  ]);
});

test('slots have delays of their own, and a run as long as the window resets one', () => {
  const judge = policy();
  judge.judge(crashed(0, 10), 0);
  expect(judge.judge(crashed(0, 10), 10)).toMatchObject({ delay: 100 });
  expect(judge.judge(crashed(1, 10), 20)).toMatchObject({ delay: 0 });
  expect(judge.judge(crashed(0, 60_000), 70_000)).toMatchObject({ delay: 0 });
});

test('jitter takes away or adds its share', () => {
  for (const [random, delay] of [
    [0, 80],
    [1, 120],
  ] as const) {
    const judge = policy({}, () => random);
    judge.judge(crashed(0, 10), 0);
    expect(judge.judge(crashed(0, 10), 1)).toMatchObject({ delay });
  }
});

test('a number is a fixed delay before every recovery, the first included', () => {
  const judge = policy({ interval: { kind: 'fixed', delay: 50 } });
  expect(judge.judge(crashed(0, 1), 0)).toMatchObject({ kind: 'recover', delay: 50 });
  expect(judge.judge(crashed(0, 1), 1)).toMatchObject({ kind: 'recover', delay: 50 });
});

test('with a fixed delay only what failed in a row beside slots that serve is tried later and later', () => {
  const judge = policy({ interval: { kind: 'fixed', delay: 0 } });
  const early = { slot: 0, uptime: 500, ended: 'early', othersServe: true } as const;
  const late = { ...early, uptime: 5_000, ended: 'late' } as const;
  const delays = [late, late, late, late, early, early, early, early, late, early, early].map((loss, now) => {
    const verdict = judge.judge(loss, now);
    return verdict.kind === 'recover' && verdict.delay;
  });
  expect(delays).toEqual([0, 0, 0, 0, 0, 100, 200, 400, 0, 0, 100]);
});

test('without a threshold a fixed delay holds for workers that do not stay, too; not for what cannot be started', () => {
  const judge = policy({ threshold: Number.POSITIVE_INFINITY, interval: { kind: 'fixed', delay: 0 } });
  const early = { slot: 0, uptime: 500, ended: 'early', othersServe: true } as const;
  for (let now = 0; now < 20; now++) expect(judge.judge(early, now)).toMatchObject({ kind: 'recover', delay: 0 });
  expect(judge.judge({ ...early, ended: 'spawn' }, 20)).toMatchObject({ kind: 'recover', delay: 1_000 * 30 });
});

test('W6 the threshold is a rate: only exits inside the sliding window count', () => {
  const judge = policy({ threshold: 2, window: 1_000 });
  expect(judge.judge(crashed(0, 1), 0).kind).toBe('recover');
  expect(judge.judge(crashed(0, 1), 500).kind).toBe('recover');
  expect(judge.judge(crashed(0, 1), 1_000)).toMatchObject({ kind: 'recover', count: 2 });
  expect(judge.judge(crashed(0, 1), 1_400)).toMatchObject({ kind: 'give-up', count: 3 });
});

test('threshold 0 gives up at the first exit, Infinity never', () => {
  expect(policy({ threshold: 0 }).judge(crashed(0, 1), 0).kind).toBe('give-up');
  const endless = policy({ threshold: Number.POSITIVE_INFINITY });
  for (let now = 0; now < 1_000; now++) expect(endless.judge(crashed(0, 1), now).kind).toBe('recover');
});

test('an infinite window counts over the lifetime of the master', () => {
  const judge = policy({ threshold: 1, window: Number.POSITIVE_INFINITY });
  judge.judge(crashed(0, 1), 0);
  expect(judge.judge(crashed(0, 1), 1e12).kind).toBe('give-up');
});

const loss = (slot: number, ended: Loss['ended'], othersServe = true): Loss => ({
  slot,
  uptime: 10,
  ended,
  othersServe,
});

test('a worker that cannot be started or dies early is not counted while another slot serves, and is tried with a delay that grows', () => {
  for (const ended of ['spawn', 'early'] as const) {
    const judge = policy({ threshold: 2, interval: { kind: 'fixed', delay: 10 } });
    const delays = Array.from({ length: 12 }, (_, now) => judge.judge(loss(0, ended), now));
    expect(delays.map((verdict) => verdict.kind === 'recover' && verdict.delay)).toEqual([
      ...[10, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000],
    ]);
    expect(delays.every(({ count }) => count === 0)).toBe(true);
    // No worker serves any more: from now on it is counted.
    expect(judge.judge(loss(1, 'late', false), 20).kind).toBe('recover');
    expect(judge.judge(loss(0, ended, false), 21).kind).toBe('recover');
    expect(judge.judge(loss(0, ended, false), 22).kind).toBe('give-up');
  }
});

test('crashes of one slot alone never end a fleet in which another serves; those of several do', () => {
  const judge = policy({ threshold: 3 });
  for (let now = 0; now < 50; now++) expect(judge.judge(loss(0, 'late'), now).kind).toBe('recover');
  expect(judge.judge(loss(1, 'late'), 50).kind).toBe('recover');
  expect(judge.judge(loss(1, 'late'), 51).kind).toBe('recover');
  expect(judge.judge(loss(2, 'late'), 52).kind).toBe('give-up');
});

test('with a threshold of 0 the first worker that ends is one too many, also while others serve; a process that never was is none', () => {
  expect(policy({ threshold: 0 }).judge(loss(0, 'late'), 0).kind).toBe('give-up');
  expect(policy({ threshold: 0 }).judge(loss(0, 'early'), 0).kind).toBe('give-up');
  expect(policy({ threshold: 0 }).judge(loss(0, 'spawn'), 0).kind).toBe('recover');
});
