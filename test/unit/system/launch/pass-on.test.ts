import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { Outlet } from '../../../../lib/common/outlet.js';
import { passOn } from '../../../../lib/system/launch/pass-on.js';
import { settle } from '../../../helpers/fake-system.js';

function sink(): { text: string; room: number; outlet: Outlet } {
  const made = {
    text: '',
    room: Number.POSITIVE_INFINITY,
    outlet: new Outlet(1, (_fd, bytes) => {
      const taken = Math.min(made.room, bytes.length);
      made.text += Buffer.from(bytes.subarray(0, taken)).toString();
      made.room -= taken;
      return taken;
    }),
  };
  return made;
}

function workers(outlet: Outlet, count: number): PassThrough[] {
  return Array.from({ length: count }, () => {
    const stream = new PassThrough();
    passOn(stream, outlet, () => {});
    return stream;
  });
}

test('output waits for a slow reader, and all of it arrives', async () => {
  const reader = sink();
  reader.room = 1;
  const [source] = workers(reader.outlet, 1) as [PassThrough];
  const text = `${'x'.repeat(99_999)}\n`;
  source.write(text);
  await settle();
  expect(source.isPaused()).toBe(true);
  reader.room = Number.POSITIVE_INFINITY;
  await expect.poll(() => source.isPaused()).toBe(false);
  source.write('more\n');
  await settle();
  expect(reader.text).toBe(`${text}more\n`);
});

test('a reader that is gone stops neither the worker nor the master', async () => {
  const gone = new Outlet(1, () => {
    throw Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
  });
  const [source] = workers(gone, 1) as [PassThrough];
  for (let i = 0; i < 10; i++) {
    source.write('x'.repeat(100_000));
    await settle();
  }
  expect(source.readableLength).toBe(0);
  expect(source.isPaused()).toBe(false);
});

test('lines of 64 KiB arrive whole, in whatever chunks they came and however many workers write them', async () => {
  const reader = sink();
  const sources = workers(reader.outlet, 4);
  const lines = sources.map((_, i) => `${String(i).repeat(64 * 1024 - 1)}\n`);
  for (let at = 0; at < 64 * 1024; at += 10_000) {
    for (const [i, source] of sources.entries()) source.write(lines[i]?.slice(at, at + 10_000));
    await settle();
  }
  expect(reader.text.split('\n').sort()).toEqual(['', ...lines.map((line) => line.trimEnd())]);
});

test('a longer line arrives in pieces, and no line of another worker is glued to one', async () => {
  const reader = sink();
  const [long, short] = workers(reader.outlet, 2) as [PassThrough, PassThrough];
  long.write('x'.repeat(70_000));
  await settle();
  short.write('whole\n');
  await settle();
  long.write('end\n');
  await settle();
  expect(reader.text).toBe(`${'x'.repeat(70_000)}\nwhole\nend\n`);
});

test('the last output of a worker arrives without a line end, and another worker begins a new line', async () => {
  const reader = sink();
  const [dying, other] = workers(reader.outlet, 2) as [PassThrough, PassThrough];
  dying.end('Aborted (core du');
  await settle();
  other.write('{"level":30}\n');
  await settle();
  expect(reader.text).toBe('Aborted (core du\n{"level":30}\n');
});
