import { expect, test } from 'vitest';
import { hastyFleet as fleet, last } from '../helpers/fake-fleet.js';
import { FakeHost, settle } from '../helpers/fake-host.js';

const SUCCESSOR_BOOTS = 100;

/** Two workers whose successors become ready when the test says so. */
async function started(recycle: object) {
  const host = new FakeHost();
  host.behave = (index) => ({ ready: index < 2 });
  const one = fleet({ workers: 2, recycle }, host);
  await one.started;
  return one;
}

function asksFor(host: FakeHost, worker: number, reason = 'it has had enough'): void {
  host.workers[worker]?.events.message({ type: 'recycle', reason });
}

test('L11 a worker that wants a successor serves until that one is ready', async () => {
  const { host, master, log } = await started({ maxRequests: 10 });
  asksFor(host, 1);
  await settle();
  expect(host.workers.map(({ launch }) => launch.slot)).toEqual([0, 1, 1]);
  expect(host.workers[1]?.received.map(({ type }) => type)).not.toContain('drain');
  last(host).becomeReady();
  await settle();
  expect(host.workers[1]?.received.at(-1)).toMatchObject({ type: 'drain', reason: 'replace' });
  expect(log.join('\n')).toMatch(/worker 1 .* is recycled: it has had enough/);
  expect(master.status()).toMatchObject({ recoveries: 0, generation: 0 });
  await master.stop();
});

test('L11 one slot at a time, in the order of the wishes', async () => {
  const { host, master } = await started({ maxRequests: 10 });
  asksFor(host, 1);
  asksFor(host, 0);
  await settle();
  expect(host.workers).toHaveLength(3);
  last(host).becomeReady();
  await settle();
  expect(host.workers.map(({ launch }) => launch.slot)).toEqual([0, 1, 1, 0]);
  last(host).becomeReady();
  await settle();
  expect(master.workers.map(({ pid }) => pid)).toEqual([2_003, 2_002]);
  await master.stop();
});

test('L11 maxAge counts from readiness, lowered by a share of up to jitter, and the successor grows old in its turn', async () => {
  const { host, master } = await started({ maxAge: 10_000, jitter: 0.5 });
  await host.advance(4_999);
  expect(host.workers).toHaveLength(2);
  for (let replaced = 0; replaced < 2; replaced++) {
    while (host.workers.length === 2 + replaced) await host.advance(100);
    await host.advance(SUCCESSOR_BOOTS);
    last(host).becomeReady();
    await settle();
  }
  expect(host.now()).toBeLessThanOrEqual(10_000 + 2 * SUCCESSOR_BOOTS + 100);
  expect(host.workers.map(({ launch }) => launch.slot).toSorted()).toEqual([0, 0, 1, 1]);
  await host.advance(10_000);
  expect(host.workers.length).toBeGreaterThan(4);
  await master.stop();
  expect(host.pendingTimers).toBe(0);
});

test('L11 a successor that does not boot leaves the worker serving, and the next is tried later', async () => {
  const { host, master, log } = await started({ maxRequests: 10 });
  asksFor(host, 0);
  await settle();
  last(host).exit({ code: 1, signal: null });
  await settle();
  expect(master.workers.map(({ pid, state }) => [pid, state])).toEqual([
    [2_000, 'ready'],
    [2_001, 'ready'],
  ]);
  expect(log.join('\n')).toMatch(/worker 0 .* goes on: its successor failed/);
  await host.advance(30_000);
  expect(last(host).launch.slot).toBe(0);
  last(host).becomeReady();
  await settle();
  expect(master.workers[0]?.pid).toBe(last(host).pid);
  await master.stop();
});

test('L11 a wish that a reload has overtaken is forgotten', async () => {
  const { host, master } = await started({ maxRequests: 10 });
  const reload = master.reload();
  await settle();
  asksFor(host, 0);
  for (const slot of [0, 1]) {
    expect(last(host).launch.slot).toBe(slot);
    last(host).becomeReady();
    await settle();
  }
  await reload;
  await settle();
  expect(host.workers).toHaveLength(4);
  await master.stop();
});

test('N11c a worker may ask in a fleet without limits, and a successor that fails is tried again once for all its wishes', async () => {
  const host = new FakeHost();
  host.behave = (index) => ({ ready: index < 2 });
  const { master, started: ready, log } = fleet({ workers: 2 }, host);
  await ready;
  for (let i = 0; i < 1_000; i++) asksFor(host, 1, `it asked to retire: ${i}`);
  await settle();
  expect(host.workers).toHaveLength(3);
  asksFor(host, 1);
  last(host).exit({ code: 1, signal: null });
  await settle();
  expect(host.workers).toHaveLength(3);
  expect(log.filter((line) => line.includes('goes on: its successor failed'))).toHaveLength(1);
  await host.advance(29_999);
  expect(host.workers).toHaveLength(3);
  await host.advance(1);
  expect(host.workers).toHaveLength(4);
  last(host).becomeReady();
  await settle();
  await host.advance(60_000);
  expect(host.workers).toHaveLength(4);
  expect(master.status().recoveries).toBe(0);
  await master.stop();
  expect(host.pendingTimers).toBe(0);
});

test('N11b who asks before the fleet is ready waits for it', async () => {
  const host = new FakeHost();
  host.behave = (index) => ({ ready: index !== 1 });
  const { master, started: ready, story } = fleet({ workers: 2 }, host);
  await settle();
  asksFor(host, 0);
  await settle();
  expect(host.workers).toHaveLength(2);
  host.workers[1]?.becomeReady();
  await ready;
  await settle();
  expect(story.indexOf('ready 2000 2001')).toBeLessThan(story.indexOf('spawn 2002'));
  expect(host.workers).toHaveLength(3);
  await master.stop();
});
