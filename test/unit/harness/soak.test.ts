/** `npm run soak`: what it agrees to do, which losses it calls explained, what it takes for a leak, and which order a seed repeats. */

import { expect, test } from 'vitest';
import { makeRandom } from '../../loss/random.mjs';
import { nextRound } from '../../soak/actions.mjs';
import { chosen } from '../../soak/chosen.mjs';
import { judgeHeap } from '../../soak/heap.mjs';
import { explain, type Lost, makeLedger } from '../../soak/ledger.mjs';
import { shortOf } from '../../soak/limits.mjs';

const AT = Date.parse('2031-05-09T16:05:09.000Z');
const ports = new Map([[7, new Set([50_001, 50_002])]]);
const ledger = () => makeLedger({ portsAt: (pid) => ports.get(pid) ?? new Set(), forget: () => {} });

function exit(fields: object): string {
  return JSON.stringify({ time: new Date(AT).toISOString(), event: 'exit', pid: 7, msg: 'worker 0 ended', ...fields });
}

function lost(port: number | undefined, { kind = 'reset', later = 0 }: { kind?: Lost['kind']; later?: number } = {}) {
  return { kind, port, began: AT - 10 + later, ended: AT + 10 + later } as const;
}

test('a loss is explained by a worker that was killed with its connection, and by no other one', () => {
  const book = ledger();
  book.mark(7, 'SIGKILL');
  book.hear(exit({ signal: 'SIGKILL', requested: false }));
  const mine = [lost(50_001), lost(50_002)];
  const others = [
    lost(50_003, { kind: 'other' }),
    lost(undefined, { kind: 'refused' }),
    lost(50_001, { later: 60_000 }),
  ];
  expect(explain([...mine, ...others], book.deaths, book.shortages)).toEqual({
    causes: { SIGKILL: 2 },
    unexplained: others,
  });
});

test('a killed worker may have accepted one connection more than it has written down, and no second one', () => {
  const book = ledger();
  book.mark(7, 'SIGSEGV');
  book.hear(exit({ signal: 'SIGSEGV', requested: false }));
  const { causes, unexplained } = explain([lost(50_003), lost(50_004)], book.deaths, book.shortages);
  expect(causes).toEqual({ SIGSEGV: 1 });
  expect(unexplained).toEqual([lost(50_004)]);
});

test('a reset is explained by a worker that ran out of descriptors at that moment, and a timeout is not', () => {
  const book = ledger();
  const msg = 'out of descriptors: 512 of 512 are in use, 2 of them connections';
  book.hear(JSON.stringify({ time: new Date(AT).toISOString(), event: 'accept', pid: 7, msg }));
  const others = [lost(50_004, { kind: 'other' }), lost(50_005, { later: 5_000 })];
  const { causes, unexplained } = explain([lost(50_003), ...others], book.deaths, book.shortages);
  expect(causes).toEqual({ 'no descriptor left within one turn': 1 });
  expect(unexplained).toEqual(others);
});

test('a worker that ends with code 0 explains no loss', () => {
  const book = ledger();
  book.hear(exit({ code: 0, requested: false }));
  expect(explain([lost(50_001)], book.deaths, book.shortages).unexplained).toHaveLength(1);
  expect(book.strange).toEqual([]);
});

test.each([
  { what: 'an exit with code 1', how: { code: 1, requested: false }, blocked: false, named: 1 },
  { what: 'a kill at the deadline of a drain', how: { signal: 'SIGKILL', requested: true }, blocked: false, named: 1 },
  { what: 'the same of a blocked worker', how: { signal: 'SIGKILL', requested: true }, blocked: true, named: 0 },
])('an end that neither the soak nor a standstill has caused is named: $what', ({ how, blocked, named }) => {
  const book = ledger();
  if (blocked) book.blocked.add(7);
  book.hear(exit(how));
  expect(book.strange).toHaveLength(named);
});

test('a worker with the pid of an earlier one has its own connections, and its own end', () => {
  const tallies = new Map(ports);
  const book = makeLedger({
    portsAt: (pid) => tallies.get(pid) ?? new Set(),
    forget: (pid) => void tallies.delete(pid),
  });
  book.mark(7, 'SIGKILL');
  book.hear(exit({ signal: 'SIGKILL', requested: false }));
  book.hear(exit({ signal: 'SIGTERM', requested: true }));
  book.hear(exit({ code: 1, requested: false, msg: 'worker 0 ended by itself' }));
  expect(explain([lost(50_001), lost(50_002)], book.deaths, book.shortages).unexplained).toEqual([]);
  expect(book.causes).toMatchObject({ SIGKILL: 1, 'SIGTERM, requested: it had not served': 1 });
  expect(book.strange).toEqual(['worker 0 ended by itself']);
});

test('a slot was empty from the exit of its worker until another one has taken over', () => {
  const book = ledger();
  book.hear(exit({ signal: 'SIGKILL', requested: false }));
  book.hear(JSON.stringify({ time: new Date(AT + 1_500).toISOString(), event: 'recover', oldPid: 7 }));
  expect(book.recoveries).toEqual([1_500]);
});

test('a seed repeats the order of the actions, and each round has every action once', () => {
  const rounds = (seed: number) => {
    const random = makeRandom(seed);
    return [nextRound(random), nextRound(random)];
  };
  expect(rounds(4)).toEqual(rounds(4));
  expect(rounds(4)).not.toEqual(rounds(5));
  for (const round of rounds(4)) expect(new Set(round.map(({ name }) => name)).size).toBe(round.length);
});

test('a machine that cannot hold the connections that were asked for is refused, and told how many it can hold', () => {
  expect(shortOf(10_000, 20_000)).toBeUndefined();
  const [, fewer] = /--connections (\d+)/.exec(shortOf(10_000, 2_000) ?? '') ?? [];
  expect(shortOf(Number(fewer), 2_000)).toBeUndefined();
  expect(shortOf(Number(fewer) + 2, 2_000)).toContain('ulimit -n');
  expect(shortOf(10_000, 100)).not.toContain('--connections');
});

/** Looks at a master whose heap grows by so many bytes for a recovery of the first half, and of the second. */
function looks(recoveries: number, first: number, second: number) {
  const each = recoveries / 10;
  return Array.from({ length: 11 }, (_, i) => ({
    recoveries: i * each,
    heap: 5e6 + each * (Math.min(i, 5) * first + Math.max(0, i - 5) * second),
  }));
}

test.each([
  { what: 'V8 compiles at first', recoveries: 300, first: 1_500, second: 100, broken: 0 },
  { what: 'a leak of 5 kB in a short run', recoveries: 300, first: 5_120, second: 5_120, broken: 2 },
  { what: 'a leak of 1,030 bytes in a long one', recoveries: 10_000, first: 1_030, second: 1_030, broken: 2 },
  { what: 'a leak that begins late', recoveries: 10_000, first: 0, second: 1_030, broken: 1 },
  { what: 'a long run that stays flat', recoveries: 10_000, first: 60, second: 5, broken: 0 },
])('the heap of a master breaks $broken bounds: $what', ({ recoveries, first, second, broken }) => {
  expect(judgeHeap(looks(recoveries, first, second)).broken).toHaveLength(broken);
});

const all = { fleets: [{ name: 'command shared' }], cells: [{ name: 'Node, shared' }, { name: 'shells' }] };
const flags = { minutes: '8', fleet: '', seed: '4', reloads: '50', connections: '10000' };

test('each mode is done with the fleets of the word that has some, and the counts are those that were asked for', () => {
  const { counts, parts } = chosen({ ...flags, fleet: 'shells', recoveries: '7' }, all);
  expect({ counts, parts }).toEqual({
    counts: { minutes: 8, seed: 4, recoveries: 7, reloads: 50, connections: 10_000 },
    parts: { recoveries: [{ name: 'shells' }] },
  });
  expect(Object.keys(chosen({ ...flags, fleet: 'shared' }, all).parts ?? {})).toEqual(['recoveries', 'kept', 'mix']);
});

test.each([
  { only: 'kept', fleet: 'Node' },
  { fleet: 'none' },
  { only: 'keep' },
  { recoveries: '0' },
  { recoveries: 'many' },
  { connections: '2.5' },
  { minutes: '0' },
  { minutes: 'Infinity' },
])('a run that would do nothing, or not what it was asked for, is refused: %j', (more) => {
  expect(chosen({ ...flags, ...more }, all)).toEqual({ refusal: expect.any(String) });
});
