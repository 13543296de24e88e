import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { WorkerMessage } from '../../../../lib/protocol/protocol.cjs';
import {
  ACCEPTED,
  ACTIVE,
  CONNECTIONS,
  DUE,
  HEAP,
  monotonic,
  PID,
  REPORTED,
  REQUESTS,
  TURNS,
  WORDS,
} from '../../../../lib/protocol/scoreboard.js';
import { FROM_WORKER } from '../../../../lib/protocol/what-workers-say.js';
import { Scoreboard } from '../../../../lib/worker/scoreboard/scoreboard.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'hrtime'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function counting({ fails = false, shares = true, timed = true } = {}) {
  const memory = new ArrayBuffer(WORDS * 8);
  const said: WorkerMessage[] = [];
  const log: string[] = [];
  const scoreboard = new Scoreboard({
    place: { fd: shares ? 7 : undefined, row: 0 },
    log: { warn: (line) => void log.push(line) },
    open: () => {
      if (fails) throw new Error('mmap EINVAL');
      return memory;
    },
    timeTurns: () => timed,
    send: (message) => void said.push(message),
  });
  return { scoreboard, words: new Float64Array(memory), said, log };
}

/** Milliseconds until the loop will have turned again. */
const dueIn = (words: Float64Array): number => Math.round((words[DUE] as number) - monotonic());

test('connections and requests are in the memory at once', () => {
  const { scoreboard, words, said } = counting();
  expect(words[PID]).toBe(process.pid);
  expect(words[HEAP]).toBeGreaterThan(0);
  scoreboard.connection(1);
  scoreboard.connection(1);
  scoreboard.connection(-1);
  scoreboard.requests(1);
  scoreboard.requests(1);
  scoreboard.requests(-2);
  expect([ACCEPTED, CONNECTIONS, REQUESTS, ACTIVE].map((word) => words[word])).toEqual([2, 1, 2, 0]);
  scoreboard.over();
  expect(said).toEqual([]);
});

test('the worker beats every second while its loop turns, every ten while it does not, and at once again when a request comes', () => {
  const { scoreboard, words } = counting();
  expect(dueIn(words)).toBe(1_000);
  words[TURNS] = 100;
  vi.advanceTimersByTime(1_000);
  expect(dueIn(words)).toBe(1_000);
  words[TURNS] = 101;
  vi.advanceTimersByTime(1_000);
  expect(dueIn(words)).toBe(10_000);
  vi.advanceTimersByTime(4_000);
  expect(dueIn(words)).toBe(6_000);
  scoreboard.requests(1);
  expect(dueIn(words)).toBe(1_000);
  scoreboard.over();
});

test('a worker that cannot share memory says so once, reports with every beat, and a last time when it is over', () => {
  const { scoreboard, words, said, log } = counting({ fails: true, timed: false });
  expect(log).toEqual([expect.stringContaining('mmap EINVAL')]);
  scoreboard.connection(1);
  scoreboard.requests(1);
  vi.advanceTimersByTime(1_000);
  scoreboard.requests(1);
  scoreboard.over();
  vi.advanceTimersByTime(60_000);
  expect(said).toHaveLength(2);
  const reported = said.map((message) => (message.type === 'counted' ? message.words : []));
  expect(reported.map((line) => [line[ACCEPTED], line[REQUESTS]])).toEqual([
    [1, 1],
    [1, 2],
  ]);
  for (const line of reported) expect(line).toHaveLength(REPORTED);
  for (const message of said) expect(FROM_WORKER.check(JSON.parse(JSON.stringify(message)))).toEqual(message);
  expect([...words]).toEqual(Array(WORDS).fill(0));
});

test('a report says when the next one is due, so that an idle worker which sends one every ten seconds is not late', () => {
  const { scoreboard, said } = counting({ shares: false, timed: false });
  const due = (): number => {
    const last = said.at(-1);
    return Math.round((last?.type === 'counted' ? (last.words[DUE] ?? 0) : 0) - monotonic());
  };
  scoreboard.requests(1);
  vi.advanceTimersByTime(1_000);
  expect(due()).toBe(1_000);
  vi.advanceTimersByTime(1_000);
  expect(due()).toBe(10_000);
  vi.advanceTimersByTime(10_000);
  expect({ reports: said.length, due: due() }).toEqual({ reports: 3, due: 10_000 });
  scoreboard.over();
});

test('where the system shares no memory that is nothing to complain of', () => {
  const { scoreboard, log, said } = counting({ shares: false });
  scoreboard.over();
  expect(log).toEqual([]);
  expect(said).toHaveLength(1);
});

test.each([
  [undefined],
  [[]],
  [Array(REPORTED - 1).fill(0)],
  [Array(REPORTED).fill('1')],
  [Array(REPORTED + 1).fill(1)],
])('M10 a report of %j is no message', (words) => {
  expect(FROM_WORKER.check({ type: 'counted', words })).toBeUndefined();
});
