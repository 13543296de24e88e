import { expect, test } from 'vitest';
import { hastyFleet as fleet, last } from '../../../helpers/fake-fleet.js';
import { FakeSystem, settle } from '../../../helpers/fake-system.js';

const SUCCESSOR_BOOTS = 100;

/** Two workers whose successors become ready when the test says so. */
async function started(recycle: object) {
  const system = new FakeSystem();
  system.behave = (index) => ({ ready: index < 2 });
  const one = fleet({ workers: 2, recycle }, system);
  await one.started;
  return one;
}

function asksFor(system: FakeSystem, worker: number, reason = 'it has had enough'): void {
  system.workers[worker]?.events.message({ type: 'wants-replacement', reason });
}

test('L11 a worker that wants a successor serves until that one is ready', async () => {
  const { system, master, log } = await started({ maxRequests: 10 });
  asksFor(system, 1);
  await settle();
  expect(system.workers.map(({ launch }) => launch.slot)).toEqual([0, 1, 1]);
  expect(system.workers[1]?.received.map(({ type }) => type)).not.toContain('drain');
  last(system).becomeReady();
  await settle();
  expect(system.workers[1]?.received.at(-1)).toMatchObject({ type: 'drain', reason: 'replace' });
  expect(log.join('\n')).toMatch(/worker 1 .* is recycled: it has had enough/);
  expect(master.status()).toMatchObject({ recoveries: 0, generation: 0 });
  await master.stop();
});

test('L11 one slot at a time, in the order of the wishes', async () => {
  const { system, master } = await started({ maxRequests: 10 });
  asksFor(system, 1);
  asksFor(system, 0);
  await settle();
  expect(system.workers).toHaveLength(3);
  last(system).becomeReady();
  await settle();
  expect(system.workers.map(({ launch }) => launch.slot)).toEqual([0, 1, 1, 0]);
  last(system).becomeReady();
  await settle();
  expect(master.workers.map(({ pid }) => pid)).toEqual([5_000_003, 5_000_002]);
  await master.stop();
});

test('L11 maxAge counts from readiness, lowered by a share of up to jitter, and the successor grows old in its turn', async () => {
  const { system, master } = await started({ maxAge: 10_000, jitter: 0.5 });
  await system.advance(4_999);
  expect(system.workers).toHaveLength(2);
  for (let replaced = 0; replaced < 2; replaced++) {
    while (system.workers.length === 2 + replaced) await system.advance(100);
    await system.advance(SUCCESSOR_BOOTS);
    last(system).becomeReady();
    await settle();
  }
  expect(system.now()).toBeLessThanOrEqual(10_000 + 2 * SUCCESSOR_BOOTS + 100);
  expect(system.workers.map(({ launch }) => launch.slot).toSorted()).toEqual([0, 0, 1, 1]);
  await system.advance(10_000);
  expect(system.workers.length).toBeGreaterThan(4);
  await master.stop();
  expect(system.pendingTimers).toBe(0);
});

test('L11 a successor that does not boot leaves the worker serving, and the next is tried later', async () => {
  const { system, master, log } = await started({ maxRequests: 10 });
  asksFor(system, 0);
  await settle();
  last(system).exit({ code: 1, signal: null });
  await settle();
  expect(master.workers.map(({ pid, state }) => [pid, state])).toEqual([
    [5_000_000, 'ready'],
    [5_000_001, 'ready'],
  ]);
  expect(log.join('\n')).toMatch(/worker 0 .* goes on: its successor failed/);
  await system.advance(30_000);
  expect(last(system).launch.slot).toBe(0);
  last(system).becomeReady();
  await settle();
  expect(master.workers[0]?.pid).toBe(last(system).pid);
  await master.stop();
});

test('L11 a wish that a reload has overtaken is forgotten', async () => {
  const { system, master } = await started({ maxRequests: 10 });
  const reload = master.reload();
  await settle();
  asksFor(system, 0);
  for (const slot of [0, 1]) {
    expect(last(system).launch.slot).toBe(slot);
    last(system).becomeReady();
    await settle();
  }
  await reload;
  await settle();
  expect(system.workers).toHaveLength(4);
  await master.stop();
});

test('N11c a worker may ask in a fleet without limits, and a successor that fails is tried again once for all its wishes', async () => {
  const system = new FakeSystem();
  system.behave = (index) => ({ ready: index < 2 });
  const { master, started: ready, log } = fleet({ workers: 2 }, system);
  await ready;
  for (let i = 0; i < 1_000; i++) asksFor(system, 1, `it asked to retire: ${i}`);
  await settle();
  expect(system.workers).toHaveLength(3);
  asksFor(system, 1);
  last(system).exit({ code: 1, signal: null });
  await settle();
  expect(system.workers).toHaveLength(3);
  expect(log.filter((line) => line.includes('goes on: its successor failed'))).toHaveLength(1);
  await system.advance(29_999);
  expect(system.workers).toHaveLength(3);
  await system.advance(1);
  expect(system.workers).toHaveLength(4);
  last(system).becomeReady();
  await settle();
  await system.advance(60_000);
  expect(system.workers).toHaveLength(4);
  expect(master.status().recoveries).toBe(0);
  await master.stop();
  expect(system.pendingTimers).toBe(0);
});

test('N11b a worker that asks before the fleet is ready waits for it', async () => {
  const system = new FakeSystem();
  system.behave = (index) => ({ ready: index !== 1 });
  const { master, started: ready, story } = fleet({ workers: 2 }, system);
  await settle();
  asksFor(system, 0);
  await settle();
  expect(system.workers).toHaveLength(2);
  system.workers[1]?.becomeReady();
  await ready;
  await settle();
  expect(story.indexOf('ready 5000000 5000001')).toBeLessThan(story.indexOf('spawn 5000002'));
  expect(system.workers).toHaveLength(3);
  await master.stop();
});
