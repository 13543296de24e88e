import { expect, test } from 'vitest';
import { Life } from '../../../../lib/master/workers/life.js';
import type { WorkerState } from '../../../../lib/types.js';

const EXIT = { pid: 4_711, slot: 0, generation: 0, code: 0, signal: null, uptime: 1, stderr: '' };

/** A life that has come as far as `state`. */
function lifeThatIs(state: WorkerState, now: () => number = () => 0): Life {
  const life = new Life(now);
  if (state === 'ready') life.becomeReady();
  if (state === 'draining') life.drain();
  if (state === 'exited') life.end(EXIT);
  return life;
}

const FOLLOWS: readonly [from: WorkerState, allowed: Record<'becomeReady' | 'drain' | 'end', boolean>][] = [
  ['starting', { becomeReady: true, drain: true, end: true }],
  ['ready', { becomeReady: false, drain: true, end: true }],
  ['draining', { becomeReady: false, drain: false, end: true }],
  ['exited', { becomeReady: false, drain: false, end: false }],
];

for (const [from, allowed] of FOLLOWS) {
  test(`a worker that is ${from} changes its state only to one that can follow, and is what it was otherwise`, () => {
    const becomes = { becomeReady: 'ready', drain: 'draining', end: 'exited' } as const;
    for (const fact of ['becomeReady', 'drain', 'end'] as const) {
      const life = lifeThatIs(from);
      expect(fact === 'end' ? life.end(EXIT) : life[fact]()).toBe(allowed[fact]);
      expect(life.state).toBe(allowed[fact] ? becomes[fact] : from);
    }
  });
}

test('a worker is ready until it drains or has ended, and no longer', () => {
  for (const last of ['drain', 'end'] as const) {
    let now = 10;
    const life = lifeThatIs('ready', () => now);
    now = 25;
    expect([life.readyFor, life.booted]).toEqual([15, true]);
    if (last === 'drain') life.drain();
    else life.end(EXIT);
    now = 1_000;
    expect(life.readyFor).toBe(15);
  }
  const never = lifeThatIs('exited');
  expect([never.readyFor, never.booted, never.readyAt, never.exit]).toEqual([0, false, undefined, EXIT]);
});

test("the master's request outranks a signal that it did not send, whichever comes first", () => {
  const signalled = lifeThatIs('ready');
  expect(signalled.signal('SIGTERM')).toBe(true);
  expect([signalled.requested, signalled.drainedBy]).toEqual([false, 'SIGTERM']);
  expect(signalled.signal('SIGINT')).toBe(false);
  expect(signalled.request()).toBe(true);
  expect([signalled.requested, signalled.drainedBy]).toEqual([true, undefined]);
  const requested = lifeThatIs('ready');
  expect(requested.request()).toBe(true);
  expect(requested.signal('SIGTERM')).toBe(false);
  expect([requested.requested, requested.drainedBy]).toEqual([true, undefined]);
});

test('a kill for a fault keeps its first reason, and whether the master had asked for the end, before or after', () => {
  const life = lifeThatIs('ready');
  expect(life.kill('broke the protocol')).toBe(true);
  expect(life.kill('made no progress')).toBe(false);
  expect([life.killedBecause, life.requested]).toEqual(['broke the protocol', false]);
  expect(life.request()).toBe(true);
  expect([life.killedBecause, life.requested]).toEqual(['broke the protocol', true]);
  const asked = lifeThatIs('draining');
  asked.request();
  asked.kill('broke the protocol');
  expect([asked.killedBecause, asked.requested]).toEqual(['broke the protocol', true]);
});

test('a worker that the master may not kill is spared, and is to end for the reason it had before, if any', () => {
  const life = lifeThatIs('ready');
  expect(life.spare()).toBe(false);
  life.signal('SIGTERM');
  life.kill('made no progress');
  expect(life.spare()).toBe(true);
  expect([life.killedBecause, life.drainedBy]).toEqual([undefined, 'SIGTERM']);
});

test('no reason is added to a worker that has ended', () => {
  const life = lifeThatIs('exited');
  expect([life.request(), life.signal('SIGTERM'), life.kill('made no progress'), life.spare()]).toEqual([
    false,
    false,
    false,
    false,
  ]);
  expect([life.requested, life.drainedBy, life.killedBecause]).toEqual([false, undefined, undefined]);
});
