import { expect, test } from 'vitest';
import { fleet, last } from '../helpers/fake-fleet.js';
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
