import { expect, test } from 'vitest';
import { Lines } from '../../../../lib/master/scoreboard/lines.js';
import { ACCEPTED, REQUESTS, WORDS } from '../../../../lib/protocol/scoreboard.js';

const log = { info() {}, warn() {}, error() {} };

function memory(rows: number): { open: () => object; closed: () => number; memory: ArrayBuffer } {
  const bytes = new ArrayBuffer(rows * WORDS * 8);
  let closed = 0;
  return { memory: bytes, closed: () => closed, open: () => ({ fd: 9, rows, memory: bytes, close: () => closed++ }) };
}

function linesOn(rows: number): { lines: Lines; closed: () => number } {
  const { open, closed } = memory(rows);
  return { lines: new Lines({ openScoreboard: open as never }, log as never), closed };
}

test('every worker has a row of its own, and the row that was left longest ago is used again first', () => {
  const { lines } = linesOn(3);
  const [a, b, c] = [lines.take(), lines.take(), lines.take()];
  expect([a, b, c].map(({ place }) => place?.row)).toEqual([0, 1, 2]);
  lines.leave(b);
  lines.leave(a);
  expect(lines.take().place?.row).toBe(1);
  expect(lines.take().place?.row).toBe(0);
});

test('a worker for which there is no row reports over the control channel, and counts all the same', () => {
  const { lines } = linesOn(1);
  lines.take();
  const line = lines.take();
  expect(line.place).toBeUndefined();
  line.words[REQUESTS] = 5;
  expect(lines.totals.requests).toBe(5);
});

test('a row begins with zeros, whatever its last worker wrote, and the totals keep what that one counted', () => {
  const { lines } = linesOn(1);
  const first = lines.take();
  first.words[ACCEPTED] = 7;
  first.words[REQUESTS] = 3;
  lines.leave(first);
  lines.leave(first);
  const second = lines.take();
  expect([...second.words]).toEqual(Array(WORDS).fill(0));
  second.words[ACCEPTED] = 1;
  expect(lines.totals).toEqual({ accepted: 8, requests: 3 });
});

test('M10 totals never go down, and stay numbers, whatever a worker writes', () => {
  const { lines } = linesOn(1);
  const line = lines.take();
  let before = 0;
  for (const said of [10, 5, Number.NaN, -1, Number.POSITIVE_INFINITY, 1e300, Number.NEGATIVE_INFINITY, 11]) {
    line.words[REQUESTS] = said;
    const { requests } = lines.totals;
    expect(requests).toBeGreaterThanOrEqual(before);
    expect(Number.isSafeInteger(requests)).toBe(true);
    before = requests;
  }
  expect(before).toBe(11);
});

test('the memory is closed when the fleet is over and the last worker has left it, not before', () => {
  const { lines, closed } = linesOn(2);
  const line = lines.take();
  lines.over();
  expect(closed()).toBe(0);
  lines.leave(line);
  expect(closed()).toBe(1);
});
