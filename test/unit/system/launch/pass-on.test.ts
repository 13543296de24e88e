import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { Outlet } from '../../../../lib/common/outlet.js';
import { type Shape, shapeOfLines } from '../../../../lib/common/worker-lines.js';
import { passOn } from '../../../../lib/system/launch/pass-on.js';
import { eventually } from '../../../helpers/eventually.js';
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

function workers(outlet: Outlet, count: number, shape?: Shape): PassThrough[] {
  return Array.from({ length: count }, (_, i) => {
    const stream = new PassThrough();
    passOn(stream, outlet, () => {}, shape?.(1, 100 + i));
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
  await eventually(() => !source.isPaused());
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

const WORKER = { fleet: 'api', slot: 2, generation: 1 };

test('with a prefix every line of every worker has it, also the last one of a worker that died, whatever chunks they came in', async () => {
  const reader = sink();
  const [a, b] = workers(reader.outlet, 2, shapeOfLines('{fleet}/{slot} {pid} {generation}> ', WORKER)) as [
    PassThrough,
    PassThrough,
  ];
  a.write('one\ntw');
  await settle();
  b.write('\nother\n');
  await settle();
  a.write('o\nthr');
  await settle();
  a.end('ee');
  await settle();
  b.write('next\n');
  await settle();
  expect(reader.text.split('\n')).toEqual([
    ...['api/2 100 1> one', 'api/2 101 1> ', 'api/2 101 1> other', 'api/2 100 1> two'],
    ...['api/2 100 1> three', 'api/2 101 1> next', ''],
  ]);
});

test('with a prefix a line of more than 64 KiB becomes several, each with the prefix, and none is cut inside of a character', async () => {
  const reader = sink();
  const [long, short] = workers(reader.outlet, 2, shapeOfLines('{slot}| ', WORKER)) as [PassThrough, PassThrough];
  const text = '€'.repeat(40_000);
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += 10_000) {
    long.write(bytes.subarray(at, at + 10_000));
    await settle();
    short.write('short\n');
    await settle();
  }
  long.end('\n');
  await settle();
  const lines = reader.text.trimEnd().split('\n');
  expect(lines.filter((line) => !line.startsWith('2| '))).toEqual([]);
  const pieces = lines.map((line) => line.slice(3)).filter((line) => line !== 'short');
  expect(pieces.length).toBe(2);
  expect(pieces.join('')).toBe(text);
});

test('in JSON a line that is an object stays as it is, byte for byte, and any other becomes an event', async () => {
  const reader = sink();
  const [source] = workers(reader.outlet, 1, shapeOfLines(undefined, WORKER)) as [PassThrough];
  const own = ['{"level":30,"msg":"of pino"}', '{ "a" : [1,2] }', '{}'];
  const foreign = ['plain', '', '{ a: 1 }', '[1]', '"text"', '{"cut":', '\u001b[31mred\u001b[39m', 'ends\r'];
  source.write(`${[...own, ...foreign].join('\n')}\n`);
  source.end('last');
  await settle();
  const lines = reader.text.split('\n');
  expect(lines.slice(0, 3)).toEqual(own);
  expect(lines.pop()).toBe('');
  expect(lines.slice(3).map((line) => JSON.parse(line))).toEqual(
    [...foreign.map((text) => text.replace('\r', '')), 'last'].map((msg) => ({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      ...{ level: 'info', event: 'output', fleet: 'api', role: 'worker', pid: 100, slot: 2, generation: 1 },
      ...{ stream: 'stdout', msg },
    })),
  );
});
