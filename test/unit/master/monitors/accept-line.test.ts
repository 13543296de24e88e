import { expect, test } from 'vitest';
import type { PreforkOptions } from '../../../../lib/types.js';
import { crash, type Fleet, hastyFleet as fleet, last } from '../../../helpers/fake-fleet.js';
import { FakeSystem, type FakeWorker } from '../../../helpers/fake-system.js';

/** So long, in milliseconds, may the master wait for others that join or leave. */
const SOON = 5;

async function standing(
  options: Partial<PreforkOptions> = {},
  system = new FakeSystem({ exclusiveAccept: true }),
): Promise<Fleet> {
  const one = fleet(options, system);
  await one.started;
  await system.advance(SOON);
  return one;
}

function looks({ received }: FakeWorker): number {
  return received.filter(({ type }) => type === 'look').length;
}

/** How often each worker was asked to look, by what happened. */
async function looksBy(system: FakeSystem, what: () => void): Promise<number[]> {
  const before = system.workers.map(looks);
  what();
  await system.advance(SOON);
  return system.workers.map((worker, i) => looks(worker) - (before[i] ?? 0));
}

const rowOf = (worker: FakeWorker): number | undefined => worker.launch.board?.row;

test('A7a every worker has a row of the board, gives it back at its end, and the next one gets it', async () => {
  const { system, master } = await standing({ recoverInterval: 0 });
  expect(system.workers.map(rowOf)).toEqual([0, 1]);
  expect(system.board).toEqual(['open', 'take 0', 'take 1']);
  system.workers[0]?.exit(crash);
  await system.advance(SOON);
  expect(system.workers).toHaveLength(3);
  expect(rowOf(last(system))).toBe(0);
  expect(system.board.slice(3)).toEqual(['clear 0', 'take 0']);
  await master.stop();
  expect(system.board.slice(5).sort()).toEqual(['clear 0', 'clear 1', 'close']);
  expect(system.board.at(-1)).toBe('close');
});

test('A7a while a reload replaces them old and new workers have rows of their own, and afterwards the old rows are free', async () => {
  const { system, master } = await standing();
  await master.reload();
  await master.reload();
  expect(system.workers.map(rowOf)).toEqual([0, 1, 2, 3, 0, 1]);
  await master.stop();
});

test('A7a a process that cannot be started keeps no row', async () => {
  const system = new FakeSystem({ exclusiveAccept: true });
  system.behave = (index) => {
    if (index === 0) throw Object.assign(new Error('spawn EACCES'), { code: 'EACCES' });
    return {};
  };
  const { finished } = fleet({ workers: 1 }, system);
  expect(await finished).toBeInstanceOf(Error);
  expect(system.board).toEqual(['open', 'take 0', 'clear 0', 'close']);
});

test('A7a workers for which the board has no row serve all the same', async () => {
  const system = new FakeSystem({ exclusiveAccept: true });
  system.boardRows = 1;
  const { master } = await standing({}, system);
  expect(system.workers.map(rowOf)).toEqual([0, undefined]);
  expect(await looksBy(system, () => system.waitShared())).toEqual([1, 0]);
  await master.stop();
});

test('A7b a queue that stays filled makes every worker look, and is watched again', async () => {
  const { system, master } = await standing();
  expect(await looksBy(system, () => system.waitShared())).toEqual([1, 1]);
  expect(await looksBy(system, () => system.waitShared())).toEqual([1, 1]);
  expect(system.rearmed).toHaveLength(2);
  await master.stop();
});

test('A7b the others look when a worker is gone, and go behind the one that joins', async () => {
  const { system, master } = await standing({ recoverInterval: 1_000 });
  expect(await looksBy(system, () => system.workers[1]?.exit(crash))).toEqual([1, 0]);
  const before = system.workers.map(looks);
  await system.advance(1_000 + SOON);
  expect(system.workers).toHaveLength(3);
  expect(system.workers.map(looks)).toEqual([(before[0] as number) + 1, before[1], 0]);
  await master.stop();
});

test('A7b workers that join and leave at the same time are one reason to look', async () => {
  const { system, master } = await standing({ workers: 4, recoverInterval: 60_000 });
  const leave = (): void => {
    for (const worker of system.workers.slice(0, 3)) worker.exit(crash);
  };
  expect((await looksBy(system, leave))[3]).toBe(1);
  await master.stop();
});

test('A7b a worker that is not ready, or does not stand in line, is not asked to look', async () => {
  const system = new FakeSystem({ exclusiveAccept: true });
  system.behave = (index) => (index === 1 ? { inLine: false } : {});
  const { master } = await standing({}, system);
  expect(await looksBy(system, () => system.waitShared())).toEqual([1, 0]);
  system.behave = () => ({ ready: false });
  const scaled = master.scale(() => 3);
  await system.advance(SOON);
  expect(await looksBy(system, () => system.waitShared())).toEqual([1, 0, 0]);
  last(system).becomeReady();
  await scaled;
  await master.stop();
});

test('a fleet that is over leaves no timer, although a worker has joined a moment before', async () => {
  const system = new FakeSystem({ exclusiveAccept: true });
  const { master, started } = fleet({}, system);
  await started;
  await master.stop(0);
  expect(system.pendingTimers).toBe(0);
});

test('A7b no worker is asked to look once the fleet stops', async () => {
  const { system, master } = await standing();
  const before = system.workers.map(looks);
  const stopped = master.stop();
  system.waitShared();
  await stopped;
  await system.advance(SOON);
  expect(system.workers.map(looks)).toEqual(before);
});

test.each([
  ['the system wakes all of them', {}, { exclusiveAccept: false }],
  ['each has a socket of its own', { sharing: 'reuseport' }, {}],
  ['the master does not know them', { readiness: 'spawn' }, {}],
] as const)('A7c workers do not stand in line where %s: no board, no look', async (_why, options, features) => {
  const { system, master, log } = await standing(options, new FakeSystem({ exclusiveAccept: true, ...features }));
  expect(system.board).toEqual([]);
  expect(system.workers.map(rowOf)).toEqual([undefined, undefined]);
  const by = (): void => {
    system.waitShared();
    system.workers[0]?.exit(crash);
  };
  expect((await looksBy(system, by)).every((count) => count === 0)).toBe(true);
  expect(log.filter((line) => line.includes('stand in line'))).toEqual([]);
  await master.stop();
});

test('A7c PREFORK_ACCEPT=plain in the environment of the master is the way back', async () => {
  const system = new FakeSystem({ exclusiveAccept: true });
  Object.assign(system.program.env, { PREFORK_ACCEPT: 'plain' });
  const { master } = await standing({}, system);
  expect(system.board).toEqual([]);
  await master.stop();
});

test.each([
  ['the memory', 'boardError', 'memfd_create EMFILE', []],
  ['the watch on the queues', 'watchError', 'pthread_create EAGAIN', ['open', 'close']],
] as const)(
  'A7c where %s cannot be had the fleet serves with a warning, and every connection wakes all workers',
  async (_what, which, reason, board) => {
    const system = new FakeSystem({ exclusiveAccept: true });
    system[which] = new Error(reason);
    const { master, log } = await standing({}, system);
    expect(system.workers.map(rowOf)).toEqual([undefined, undefined]);
    expect(system.board).toEqual(board);
    const line = 'every connection wakes all workers, because they cannot stand in line: ';
    expect(log.filter((text) => text.includes(line) && text.includes(reason))).toHaveLength(1);
    await master.stop();
  },
);
