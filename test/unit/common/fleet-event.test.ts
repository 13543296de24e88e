/** The closed union of what the log says: every call that logs is a member of it, and JSON of it is one whole line. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';
import { type Log, makeLog } from '../../../lib/common/log.js';
import * as outlets from '../../../lib/common/outlet.js';
import type { FleetEvent, LogEvent } from '../../../lib/fleet-event.js';
import { eventually } from '../../helpers/eventually.js';

const LIB = fileURLToPath(new URL('../../../lib', import.meta.url));
const GUIDE = readFileSync(fileURLToPath(new URL('../../../docs/guide/logs.md', import.meta.url)), 'utf8');

/** Each member, and how often the sources name it at least. A name that is missing here, or in the union, is a type error. */
const MEMBERS = {
  ...{ listen: 5, spawn: 3, ready: 1, exit: 1, recover: 3, reload: 5, scale: 1, recycle: 2, drain: 4, stall: 3 },
  ...{ kill: 4, accept: 5, orphan: 2, hook: 3, stop: 5, output: 1, warning: 1 },
} as const satisfies Record<LogEvent, number>;

const NAMES = Object.keys(MEMBERS) as LogEvent[];

const sources = (readdirSync(LIB, { recursive: true }) as string[])
  .filter((file) => file.endsWith('.ts'))
  .map((file) => ({ file, text: readFileSync(join(LIB, file), 'utf8') }));

afterEach(() => void vi.restoreAllMocks());

/** What the log writes to stderr. */
async function written(log: (log: Log) => void, observe?: (event: () => FleetEvent) => void): Promise<string[]> {
  const lines: string[] = [];
  const outlet = new outlets.Outlet(2, (_fd, bytes) => lines.push(Buffer.from(bytes).toString()) && bytes.length);
  vi.spyOn(outlets, 'outlet').mockReturnValue(outlet);
  log(
    makeLog({ logger: undefined, logFormat: 'json', observe }, 'prefork[api] master 100', { fleet: 'api', pid: 100 }),
  );
  // What writes JSON is imported late.
  await eventually(() => lines.length > 0);
  return lines;
}

test('every call of the package that logs names a member of the union, and every member has a row in the guide', () => {
  const counts = new Map<string, number>();
  for (const { text } of sources) {
    for (const [, name = ''] of text.matchAll(/(?<!\()\bevent: '(\w+)'/g))
      counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  for (const [name, least] of Object.entries(MEMBERS)) {
    expect.soft(counts.get(name) ?? 0, name).toBeGreaterThanOrEqual(least);
    expect.soft(GUIDE).toMatch(new RegExp(`^\\| (\`\\w+\`, )*\`${name}\`[^|]*\\|`, 'm'));
  }
  expect([...counts.keys()].filter((name) => !NAMES.includes(name as LogEvent))).toEqual([]);
});

test('no process of the package logs past its log', () => {
  const past = sources.flatMap(({ file, text }) =>
    [...text.matchAll(/\bconsole\.\w+\(|\boutlet\(\w+\)\.log\(/g)].map(([call]) => `${file}: ${call}`),
  );
  expect(past.sort()).toEqual([
    'common/json-lines.ts: outlet(STDERR).log(',
    'common/log.ts: outlet(STDERR).log(',
    // What Node prints of an uncaught error.
    'worker/failed-boot.ts: outlet(2).log(',
  ]);
});

test('an event that is none, a field that its event has not, or one that it lacks, is a type error', () => {
  const log = {} as Log;
  const worker = { slot: 0, pid: 1, generation: 0 };
  const calls = [
    // @ts-expect-error No such event.
    () => log.info('', { event: 'restart' }),
    // @ts-expect-error The event has no such field.
    () => log.info('', { event: 'stall', worker, oldPid: 3 }),
    // @ts-expect-error Whose?
    () => log.info('', { event: 'kill' }),
    // @ts-expect-error Requested or not?
    () => log.info('', { event: 'exit', worker, code: 0, signal: null }),
    () => log.info('', { event: 'exit', worker, code: 0, signal: null, requested: true, uptime: 1 }),
    () => log.warn(''),
  ];
  expect(calls).toHaveLength(6);
});

test('its members are told apart by their event', () => {
  const words = (event: FleetEvent): string => {
    switch (event.event) {
      case 'exit':
        return `${event.slot} ${event.requested} ${event.uptime.toFixed()}`;
      case 'ready':
        return `${event.workers.toFixed()} ${event.addresses}`;
      case 'output':
        return event.stream;
      default:
        return event.msg;
    }
  };
  expect(
    words({
      ...{ time: '', level: 'info', fleet: '0', role: 'master', pid: 1, msg: '' },
      ...{ event: 'ready', workers: 2, addresses: '127.0.0.1:80' },
    } as FleetEvent),
  ).toBe('2 127.0.0.1:80');
});

test('each line of JSON is one event, in one line whatever is in it, and the observer gets the same', async () => {
  const seen: FleetEvent[] = [];
  const error = Object.assign(new Error('no\nsuch "file"'), { code: 'ENOENT' });
  const lines = await written(
    (log) => {
      log.error('a\nb \u2028', { event: 'hook', error });
      log.warn('of no event');
    },
    (event) => seen.push(event()),
  );
  expect(lines.map((line) => line.split('\n').length)).toEqual([2, 2]);
  const events = lines.map((line) => JSON.parse(line));
  expect(events).toEqual([
    {
      ...{ time: expect.stringMatching(/Z$/), level: 'error', event: 'hook', fleet: 'api', role: 'master', pid: 100 },
      ...{ code: 'ENOENT', reason: 'no\nsuch "file"', msg: 'a\nb \u2028' },
    },
    {
      time: expect.any(String),
      level: 'warn',
      event: 'warning',
      fleet: 'api',
      role: 'master',
      pid: 100,
      msg: 'of no event',
    },
  ]);
  expect(seen.map(({ time, ...rest }) => rest)).toEqual(events.map(({ time, ...rest }) => rest));
});

test.each([
  ['msg', 'x'.repeat(10_000), 'why'],
  ['reason', 'short', '"€\u0001'.repeat(3_000)],
  ['both', '\\"'.repeat(9_000), '\ud83d\ude00'.repeat(5_000)],
])(
  'a line of JSON has at most 4096 bytes, so that a pipe of several writers takes it whole: %s is cut',
  async (_what, msg, reason) => {
    const [line = ''] = await written((log) => log.error(msg, { event: 'stop', reason }));
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(4_096);
    const event = JSON.parse(line) as FleetEvent & { readonly reason: string };
    for (const [text, whole] of [
      [event.msg, msg],
      [event.reason, reason],
    ] as const)
      expect(text === whole || (text.endsWith('…') && whole.startsWith(text.slice(0, -1)))).toBe(true);
  },
);

test('a gap in the log is reported in JSON, too', async () => {
  let room = 0;
  let text = '';
  const outlet = new outlets.Outlet(
    2,
    (_fd, bytes) => {
      const taken = Math.min(room, bytes.length);
      text += Buffer.from(bytes.subarray(0, taken)).toString();
      room -= taken;
      return taken;
    },
    () => (_level, line) => line,
  );
  vi.spyOn(outlets, 'outlet').mockReturnValue(outlet);
  const origin = { fleet: 'api', pid: 100 };
  const json = makeLog({ logger: undefined, logFormat: 'json' }, '', origin);
  for (let i = 0; i < 300; i++) json.info('x'.repeat(2_000), { event: 'stop' });
  await import('../../../lib/common/json-lines.js');
  await new Promise((resolve) => setImmediate(resolve));
  room = Number.POSITIVE_INFINITY;
  json.info('after', { event: 'stop' });
  const events = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as FleetEvent);
  expect(events.slice(-2).map(({ event, level, msg }) => [event, level, msg])).toEqual([
    ['warning', 'warn', expect.stringMatching(/^process \d+ dropped \d+ log lines, because descriptor 2 took none$/)],
    ['stop', 'info', 'after'],
  ]);
});

test('without a logger an observer gets every line all the same', () => {
  const seen: string[] = [];
  const means = { logger: false, logFormat: 'text', observe: (event: () => FleetEvent) => void seen.push(event().msg) };
  makeLog(means as never, 'x', { fleet: 'api', pid: 1 }).info('one', { event: 'stop' });
  expect(seen).toEqual(['one']);
});
