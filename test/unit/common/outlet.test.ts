import { beforeEach, expect, test, vi } from 'vitest';
import { Outlet, type Source } from '../../../lib/common/outlet.js';

/** A descriptor whose reader takes as much as the test allows. */
class Reader {
  text = '';
  room = 0;
  error: string | undefined;

  readonly write = (_fd: number, bytes: Uint8Array): number => {
    if (this.error !== undefined) throw Object.assign(new Error(this.error), { code: this.error });
    const taken = Math.min(this.room, bytes.length);
    this.text += Buffer.from(bytes.subarray(0, taken)).toString();
    this.room -= taken;
    return taken;
  };
}

function worker(): Source & { paused: boolean; lost: number[] } {
  const source = {
    paused: false,
    lost: [] as number[],
    pause: () => void Object.assign(source, { paused: true }),
    resume: () => void Object.assign(source, { paused: false }),
    dropped: (lines: number) => void source.lost.push(lines),
  };
  return source;
}

let reader: Reader;
let outlet: Outlet;
/** Moves the clock. */
let advance: (ms: number) => Promise<void>;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  let uptime = 0;
  vi.spyOn(process, 'uptime').mockImplementation(() => uptime);
  advance = async (ms) => {
    for (let i = 0; i < ms; i += 10) {
      uptime += 0.01;
      await vi.advanceTimersByTimeAsync(10);
    }
  };
  reader = new Reader();
  outlet = new Outlet(2, reader.write, () => (_level, line) => line);
  return () => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  };
});

test('a line goes out at once, and what does not fit goes out in order when the reader reads', async () => {
  reader.room = 9;
  for (const line of ['one', 'two', 'three']) outlet.log(line);
  expect(reader.text).toBe('one\ntwo\nt');
  reader.room = 1_000;
  await advance(300);
  outlet.log('four');
  expect(reader.text).toBe('one\ntwo\nthree\nfour\n');
});

test('lines of the log look as their descriptor wants it, also the one that counts, and any other line is written as it is', async () => {
  const terminal = new Outlet(2, reader.write, (fd) => (level, line) => `${fd} ${level}: ${line}`);
  reader.room = 16;
  terminal.log('one', 'info');
  terminal.log('x'.repeat(256 * 1024 - 10), 'error');
  terminal.log('lost', 'info');
  reader.room = Number.POSITIVE_INFINITY;
  await advance(300);
  terminal.log('as it is');
  const lines = reader.text.trimEnd().split('\n');
  expect(lines.map((line) => line.replace(/x+/, 'x'))).toEqual([
    '2 info: one',
    '2 error: x',
    `2 warn: prefork: process ${process.pid} dropped 1 log line, because descriptor 2 took none`,
    'as it is',
  ]);
});

test('N8c a reader that stalls costs 256 kB, and learns how many lines it missed, where they are missing', async () => {
  const line = 'x'.repeat(1_023);
  for (let i = 0; i < 300; i++) outlet.log(line);
  reader.room = Number.POSITIVE_INFINITY;
  await advance(300);
  outlet.log('after');
  const lines = reader.text.trimEnd().split('\n');
  expect(lines.slice(0, -2)).toEqual(Array(256).fill(line));
  expect(lines.slice(-2)).toEqual([
    `prefork: process ${process.pid} dropped 44 log lines, because descriptor 2 took none`,
    'after',
  ]);
});

test('an error of the descriptor hurts no caller, and the outlet counts lines until it takes some again', () => {
  reader.room = 1_000;
  reader.error = 'ENOSPC';
  outlet.log('one');
  outlet.log('two');
  reader.error = undefined;
  outlet.log('three');
  expect(reader.text).toBe(
    `prefork: process ${process.pid} dropped 2 log lines, because descriptor 2 took none\nthree\n`,
  );
});

test('lines of several workers never mix, and the last line of one that died ends before the next begins', () => {
  const [a, b] = [worker(), worker()];
  for (const source of [a, b]) outlet.join(source);
  reader.room = 1_000;
  outlet.pass(a, Buffer.from('a1\na2\nthe last wor'));
  outlet.leave(a);
  outlet.pass(b, Buffer.from('b1\n'));
  outlet.pass(b, Buffer.from('half'));
  outlet.log('a line of the master');
  outlet.pass(b, Buffer.from('rest\n'));
  expect(reader.text).toBe('a1\na2\nthe last wor\nb1\nhalf\na line of the master\nrest\n');
});

test('a worker is not read while the reader is busy for less than a second, and nothing is lost', async () => {
  const [a, b] = [worker(), worker()];
  outlet.join(a);
  outlet.join(b);
  const line = Buffer.from(`${'x'.repeat(9_999)}\n`);
  for (let i = 0; i < 7; i++) outlet.pass(a, line);
  expect([a.paused, b.paused]).toEqual([true, true]);
  const late = worker();
  outlet.join(late);
  expect(late.paused).toBe(true);
  for (let i = 0; i < 6; i++) {
    reader.room = 10_000;
    await advance(150);
    expect([a.paused, b.paused]).toEqual([true, true]);
  }
  reader.room = 10_000;
  await advance(300);
  expect([a.paused, b.paused, late.paused]).toEqual([false, false, false]);
  expect(reader.text).toHaveLength(70_000);
  expect(a.lost).toEqual([]);
});

test('N8d a reader that is slower than the workers for long stops none of them for more than one second, costs no more than 64 kB and a piece, and every line is read or counted', async () => {
  const a = worker();
  outlet.join(a);
  const line = Buffer.from(`${'x'.repeat(999)}\n`);
  let written = 0;
  let paused = 0;
  for (let second = 0; second < 60; second++) {
    for (let tenth = 0; tenth < 10; tenth++) {
      // The worker writes 1 MB a second unless it has to wait; the reader takes 20 kB a second.
      for (let i = 0; i < 100 && !a.paused; i++) {
        outlet.pass(a, line);
        written += 1;
      }
      if (a.paused) paused += 100;
      reader.room = 2_000;
      await advance(100);
    }
  }
  expect(paused).toBeLessThanOrEqual(1_500);
  reader.room = Number.POSITIVE_INFINITY;
  await advance(600);
  const read = reader.text.split('\n').length - 1;
  const lost = a.lost.reduce((sum, lines) => sum + lines, 0);
  expect(read + lost).toBe(written);
  expect(
    reader.text
      .split('\n')
      .slice(0, -1)
      .every((text) => text.length === 999),
  ).toBe(true);
  expect(written).toBeGreaterThan(40_000);
});

test('a reader that was too slow is given its second again when it has kept up for ten', async () => {
  const a = worker();
  outlet.join(a);
  const fill = (): void => outlet.pass(a, Buffer.from(`${'x'.repeat(70_000)}\n`));
  fill();
  await advance(1_500);
  reader.room = Number.POSITIVE_INFINITY;
  await advance(300);
  reader.room = 0;
  fill();
  expect(a.paused).toBe(false);
  outlet.pass(a, Buffer.from('lost\n'));
  reader.room = Number.POSITIVE_INFINITY;
  await advance(300);
  expect(a.lost).toEqual([1]);
  await advance(10_100);
  reader.room = 0;
  fill();
  expect(a.paused).toBe(true);
});

test('N8d a reader that takes nothing for a second makes no worker wait: lines are dropped and counted, worker by worker', async () => {
  const [a, b] = [worker(), worker()];
  outlet.join(a);
  outlet.join(b);
  outlet.pass(a, Buffer.from(`${'x'.repeat(70_000)}\n`));
  await advance(900);
  expect(a.paused).toBe(true);
  await advance(400);
  expect([a.paused, b.paused]).toEqual([false, false]);
  for (let i = 0; i < 1_000; i++) outlet.pass(a, Buffer.from('a1\na2\n'));
  outlet.pass(b, Buffer.from('b1\n'));
  outlet.log('a line of the master is kept');
  reader.room = Number.POSITIVE_INFINITY;
  await advance(300);
  expect([a.lost, b.lost]).toEqual([[2_000], [1]]);
  outlet.pass(a, Buffer.from('a3\n'));
  expect(reader.text.slice(70_000)).toBe('\na line of the master is kept\na3\n');
  expect(a.lost).toEqual([2_000]);
});
