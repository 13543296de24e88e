import { closeSync, fstatSync, ftruncateSync, openSync } from 'node:fs';
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { DELAY_MAX, DELAY_MEAN, monotonic, TURNED, TURNS, WORDS } from '../../../lib/protocol/scoreboard.js';
import { eventually } from '../../helpers/eventually.js';
import { failsCleanly, native } from '../native-helpers.js';

function withScoreboard(body: (board: ReturnType<typeof native.makeScoreboard>) => void): void {
  const board = native.makeScoreboard();
  try {
    body(board);
  } finally {
    board.close();
  }
}

test('a line is the part of the memory that belongs to its row, and no other', () => {
  withScoreboard(({ fd, rows, memory }) => {
    expect(memory.byteLength).toBe(rows * WORDS * 8);
    for (const row of [0, 1, 17, rows - 1]) {
      const line = new Float64Array(native.openScoreboard({ fd, row }));
      expect(line).toHaveLength(WORDS);
      line.fill(row + 1);
      expect([...new Float64Array(memory, row * WORDS * 8, WORDS)]).toEqual(Array(WORDS).fill(row + 1));
    }
    const all = new Float64Array(memory);
    expect(all.reduce((sum, word) => sum + word, 0)).toBe(WORDS * (1 + 2 + 18 + rows));
  });
});

test('what is written before the descriptor is closed can be read and written afterwards', () => {
  const { fd, memory, close } = native.makeScoreboard();
  const line = new Float64Array(native.openScoreboard({ fd, row: 2 }));
  close();
  close();
  line[5] = 42;
  expect(new Float64Array(memory)[2 * WORDS + 5]).toBe(42);
});

test('a descriptor that is no scoreboard, or a row that it does not have, is refused, and nothing stays open', () => {
  const other = openSync('/dev/null', 'r+');
  try {
    expect(failsCleanly(() => native.openScoreboard({ fd: other, row: 0 }))).toMatchObject({
      code: 'EINVAL',
      syscall: 'mmap',
    });
  } finally {
    closeSync(other);
  }
  expect(failsCleanly(() => native.openScoreboard({ fd: 100_000, row: 0 }))).toMatchObject({ code: 'EBADF' });
  withScoreboard(({ fd, rows }) => {
    expect(failsCleanly(() => native.openScoreboard({ fd, row: rows }))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
    expect(failsCleanly(() => native.openScoreboard({ fd, row: -1 }))).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
  });
});

test('the memory has one size: no process with the descriptor can make it smaller or larger', () => {
  withScoreboard(({ fd, memory }) => {
    const size = memory.byteLength;
    for (const other of [0, size - 1, size + 65_536]) expect(() => ftruncateSync(fd, other)).toThrow(/EPERM|EINVAL/);
    expect(fstatSync(fd).size).toBe(size);
  });
});

test('usage() is what the process says of itself, and undefined of one that is gone', () => {
  const { rss = 0, cpu = 0 } = native.usage(process.pid) ?? {};
  expect(Math.abs(rss - process.memoryUsage.rss()) / rss).toBeLessThan(0.2);
  const { user, system } = process.cpuUsage();
  expect(Math.abs(cpu - (user + system) / 1e3)).toBeLessThan(500);
  expect(native.usage(2 ** 31 - 1)).toBeUndefined();
});

test('timeTurns() writes when the loop turned last, and what a turn that took long did to the others, before the next poll', async () => {
  const { fd, close } = native.makeScoreboard();
  const line = native.openScoreboard({ fd, row: 0 });
  close();
  const words = new Float64Array(line);
  expect(native.timeTurns(words)).toBe(true);
  const BUSY = 400;
  await delay(1);
  // A process that gets no CPU when it would wake up has waited for nothing, as far as its loop can know.
  const began = monotonic();
  while (monotonic() < began + BUSY);
  await delay(700);
  // Whenever the interval of a second is over.
  await eventually(async () => {
    await turn();
    return (words[DELAY_MAX] as number) > 0;
  });
  const took = monotonic() - began;
  expect(words[DELAY_MAX]).toBeGreaterThanOrEqual(BUSY - 50);
  // What came while the loop was busy waited for half of that on average; nothing waited while it slept.
  expect(words[DELAY_MEAN]).toBeGreaterThan(((BUSY / 2) * (BUSY - 50)) / (took + 1_000) / 2);
  expect(words[DELAY_MEAN]).toBeLessThan(words[DELAY_MAX] as number);
  expect(words[TURNS]).toBeGreaterThan(2);
  const turned = words[TURNED] as number;
  expect(turned).toBeGreaterThan(began);
  expect(turned).toBeLessThanOrEqual(monotonic());
});
