import { expect, test } from 'vitest';
import { crash, type Fleet, hastyFleet as fleet, last } from '../../../helpers/fake-fleet.js';
import { FakeSystem, type FakeWorker, settle } from '../../../helpers/fake-system.js';

/** Four workers on sharded sockets; those that are `blocked` answer no ping. */
async function sharded(options = {}): Promise<Fleet & { readonly workers: FakeWorker[] }> {
  const one = fleet({ sharing: 'sharded', workers: 4, livenessTimeout: undefined, ...options });
  await one.started;
  return { ...one, workers: one.system.workers };
}

function block(worker: FakeWorker, blocked = true): void {
  worker.behaviour.blocked = blocked;
}

/** The slots that each worker accepts from beside its own. */
function adopted(workers: readonly FakeWorker[]): number[][] {
  return workers.map((worker) => [...worker.adopted]);
}

test('new connections go to every slot as soon as all workers are ready, and no worker accepts for another', async () => {
  const { system, workers, master } = await sharded();
  expect(system.steered.at(-1)).toBe('0,1,2,3');
  expect(adopted(workers)).toEqual([[], [], [], []]);
  await master.stop();
});

test('a worker that is not ready yet gets no new connections, and what waits at its slot is accepted by the others', async () => {
  const system = new FakeSystem();
  system.behave = (index) => ({ ready: index !== 2 });
  const { master } = fleet({ sharing: 'sharded', workers: 4 }, system);
  await settle();
  expect(system.steered.at(-1)).toBe('0,1,3');
  system.wait(2);
  expect(adopted(system.workers)).toEqual([[2], [2], [], [2]]);
  expect(system.rearmed).toEqual([2]);
  system.workers[2]?.becomeReady();
  expect(system.steered.at(-1)).toBe('0,1,2,3');
  expect(adopted(system.workers)).toEqual([[], [], [], []]);
  await master.stop();
});

test('L3 the slot of a worker that died gets no new connections and is accepted from by the others at once, until it is filled again', async () => {
  const { system, workers, master } = await sharded({ recoverInterval: 2_000 });
  workers[1]?.exit(crash);
  await settle();
  expect(system.steered.at(-1)).toBe('0,2,3');
  expect(adopted(workers)).toEqual([[1], [], [1], [1]]);
  await system.advance(2_000);
  expect(system.steered.at(-1)).toBe('0,1,2,3');
  expect(adopted(workers)).toEqual([[], [], [], [], []]);
  await master.stop();
});

test('a worker that becomes ready while slots are orphaned accepts from them, too', async () => {
  const { system, workers, master } = await sharded({
    recoverInterval: { initial: 5_000, max: 5_000, factor: 1, jitter: 0 },
  });
  system.behave = (index) => ({ ready: index !== 4 });
  workers[0]?.exit(crash);
  await system.advance(10);
  workers[1]?.exit(crash);
  await system.advance(10);
  // The first exit of a slot is recovered at once: pid of slot 0 boots, that of slot 1 is ready.
  expect(system.steered.at(-1)).toBe('1,2,3');
  expect([...last(system).adopted]).toEqual([0]);
  await master.stop();
});

test('a worker whose loop does not turn while connections wait and the others answer is stalled, and comes back with its answer', async () => {
  const { system, workers, master, log } = await sharded();
  block(workers[3] as FakeWorker);
  system.wait(3);
  await system.advance(49);
  expect(system.steered.at(-1)).toBe('0,1,2,3');
  await system.advance(2);
  expect(system.steered.at(-1)).toBe('0,1,2');
  expect(adopted(workers)).toEqual([[3], [3], [3], []]);
  await system.advance(1_000);
  expect(log.join('\n')).toMatch(/worker 3 .* is blocked/);
  answer(workers[3] as FakeWorker);
  expect(system.steered.at(-1)).toBe('0,1,2,3');
  expect(adopted(workers)).toEqual([[], [], [], []]);
  expect(log.join('\n')).toMatch(/worker 3 .* accepts again after 1001 ms/);
  await master.stop();
});

test('a worker whose loop turns again helps with a slot that has lost its worker meanwhile', async () => {
  const { system, workers, master } = await sharded({ recoverInterval: 10_000 });
  block(workers[3] as FakeWorker);
  system.wait(3);
  await system.advance(51);
  workers[0]?.exit(crash);
  await settle();
  expect(adopted(workers)).toEqual([[3], [3, 0], [3, 0], []]);
  answer(workers[3] as FakeWorker);
  expect(adopted(workers).slice(1)).toEqual([[0], [0], [0]]);
  await master.stop();
});

test('a queue that is filled while its worker answers is only watched again', async () => {
  const { system, workers, master } = await sharded();
  system.wait(0, 1, 2, 3);
  await system.advance(1_000);
  expect(system.rearmed).toEqual([0, 1, 2, 3]);
  expect(system.steered.at(-1)).toBe('0,1,2,3');
  expect(adopted(workers)).toEqual([[], [], [], []]);
  await master.stop();
});

test('a worker that could not adopt is asked again while connections wait', async () => {
  const { system, workers, master } = await sharded({ recoverInterval: 10_000 });
  workers[1]?.exit(crash);
  await settle();
  workers[0]?.adopted.clear();
  workers[0]?.events.message({ type: 'adoption-failed', slot: 1 });
  system.wait(1);
  // Not at once: it would hardly have more descriptors by now.
  expect(adopted(workers)).toEqual([[], [], [1], [1]]);
  await system.advance(500);
  system.wait(1);
  expect(adopted(workers)).toEqual([[1], [], [1], [1]]);
  await master.stop();
});

test('a worker that is full when a slot is served again, or could not take all of its sockets, gives them back', async () => {
  const { system, workers, master } = await sharded({ recoverInterval: 10_000 });
  workers[1]?.exit(crash);
  await settle();
  expect(adopted(workers)).toEqual([[1], [], [1], [1]]);
  workers[0]?.events.message({ type: 'paused-accepting' });
  workers[2]?.events.message({ type: 'adoption-failed', slot: 1 });
  await system.advance(10_000);
  expect(last(system).launch.slot).toBe(1);
  // The first is full, and its own slot is for the others.
  expect(adopted(workers)).toEqual([[], [], [0], [0], [0]]);
  workers[0]?.events.message({ type: 'resumed-accepting' });
  expect(adopted(workers)).toEqual([[], [], [], [], []]);
  await master.stop();
});

test('a fleet that is over leaves no timer, although a worker could not adopt a moment before', async () => {
  const { system, workers, master } = await sharded({ recoverInterval: 10_000 });
  workers[1]?.exit(crash);
  await settle();
  workers[0]?.events.message({ type: 'adoption-failed', slot: 1 });
  await master.stop(0);
  expect(system.pendingTimers).toBe(0);
});

test('when no worker answers, the machine is busy and none is stalled', async () => {
  const { system, workers, master } = await sharded();
  for (const worker of workers) block(worker);
  system.wait(0, 1, 2, 3);
  await system.advance(1_000);
  expect(system.steered.at(-1)).toBe('0,1,2,3');
  for (const worker of workers) answer(worker);
  expect(system.rearmed.toSorted()).toEqual([0, 1, 2, 3]);
  await master.stop();
});

test('a worker that waits for a CPU is not stalled, one that has had it is', async () => {
  const { system, workers, master } = await sharded();
  block(workers[1] as FakeWorker);
  system.wait(1);
  await system.advance(20);
  system.starved.set(workers[1]?.pid as number, 60);
  await system.advance(80);
  expect(system.steered.at(-1)).toBe('0,1,2,3');
  await system.advance(50);
  expect(system.steered.at(-1)).toBe('0,2,3');
  await master.stop();
});

test('a worker that is as slow as the others is not stalled', async () => {
  const { system, workers, master } = await sharded();
  for (const worker of workers) block(worker);
  system.wait(1);
  await system.advance(75);
  for (const slot of [0, 2, 3]) answer(workers[slot] as FakeWorker);
  // They took 60 ms: three times that is not over yet.
  await system.advance(100);
  expect(system.steered.at(-1)).toBe('0,1,2,3');
  await system.advance(20);
  expect(system.steered.at(-1)).toBe('0,2,3');
  await master.stop();
});

test('three stalled workers of four do not hide each other for long', async () => {
  const { system, workers, master } = await sharded();
  for (const slot of [1, 2, 3]) block(workers[slot] as FakeWorker);
  system.wait(1, 2, 3);
  await system.advance(190);
  expect(system.steered.at(-1)).toBe('0,1,2,3');
  await system.advance(20);
  expect(system.steered.at(-1)).toBe('0');
  expect(adopted(workers)[0]).toEqual([1, 2, 3]);
  await master.stop();
});

test('no worker is stalled when one of them has accepted the connection meanwhile', async () => {
  const { system, workers, master } = await sharded();
  block(workers[1] as FakeWorker);
  system.wait(1);
  system.queued.clear();
  await system.advance(1_000);
  expect(system.steered.at(-1)).toBe('0,1,2,3');
  expect(system.rearmed).toEqual([1]);
  await master.stop();
});

test('a stalled worker that dies is forgotten, and its slot is reclaimed by the next one', async () => {
  const { system, workers, master } = await sharded();
  block(workers[0] as FakeWorker);
  system.wait(0);
  await system.advance(60);
  expect(adopted(workers)).toEqual([[], [0], [0], [0]]);
  workers[0]?.exit(crash);
  await system.advance(10);
  expect(system.steered.at(-1)).toBe('0,1,2,3');
  expect(adopted(workers)).toEqual([[], [], [], [], []]);
  await master.stop();
});

test('a reload orphans no slot: the new worker accepts before the old one stops', async () => {
  const { system, workers, master } = await sharded();
  const before = system.steered.length;
  await master.reload();
  expect(system.steered.length).toBe(before);
  expect(adopted(workers).flat()).toEqual([]);
  await master.stop();
});

test('L9 slots that are added get connections once they are served; those taken away are accepted from by the others', async () => {
  const { system, workers, master } = await sharded();
  await master.scale(() => 5);
  expect(system.steered.at(-1)).toBe('0,1,2,3,4');
  await master.scale(() => 3);
  await settle();
  expect(system.steered.at(-1)).toBe('0,1,2');
  expect(adopted(workers.slice(0, 3))).toEqual([
    [4, 3],
    [4, 3],
    [4, 3],
  ]);
  await master.scale(() => 4);
  expect(system.steered.at(-1)).toBe('0,1,2,3');
  expect(adopted(workers.slice(0, 3))).toEqual([[4], [4], [4]]);
  await master.stop();
});

test('status() shows the queue of every slot', async () => {
  const { system, master } = await sharded();
  system.queued.add(2);
  const queues = master.status().queues;
  expect(queues.map(({ name, slot, depth }) => [name, slot, depth])).toEqual([
    ['0', 0, 0],
    ['0', 1, 0],
    ['0', 2, 1],
    ['0', 3, 0],
  ]);
  await master.stop();
});

test('once the fleet stops nothing changes hands any more', async () => {
  const { system, workers, master } = await sharded();
  const before = system.steered.length;
  await master.stop();
  expect(system.steered.length).toBe(before);
  expect(adopted(workers).flat()).toEqual([]);
  expect(system.pendingTimers).toBe(0);
});

/** The loop turns again: every ping that waits is answered. */
function answer(worker: FakeWorker): void {
  block(worker, false);
  for (const message of worker.received) {
    if (message.type === 'ping') worker.events.message({ ...message, type: 'answered' });
  }
}
