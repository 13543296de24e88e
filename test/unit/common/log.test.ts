import { expect, test } from 'vitest';
import { makeLog as logOf, type Origin } from '../../../lib/common/log.js';
import type { LogFields } from '../../../lib/fleet-event.js';
import type { Logger } from '../../../lib/types.js';

const MASTER = { fleet: 'api', pid: 100 };
const WORKER = { slot: 3, pid: 200, generation: 2 };

const makeLog = (logger: Logger, prefix: string, origin: Origin) =>
  logOf({ logger, logFormat: 'text' }, prefix, origin);

/** A logger with fields, and what came out of it. */
function structured(child: (this: Logger, fields: LogFields) => unknown) {
  const lines: unknown[][] = [];
  const write =
    (level: string) =>
    (...values: unknown[]) =>
      void lines.push([level, ...values]);
  const logger: Logger = { info: write('info'), warn: write('warn'), error: write('error'), child };
  return { logger, lines };
}

function thenable(then: () => unknown): object {
  return Object.defineProperty({}, 'then', { get: then });
}

test.each<[string, () => unknown]>([
  ['rejects', async () => Promise.reject(new Error('db down'))],
  [
    'throws',
    () => {
      throw Object.create(null);
    },
  ],
  [
    'returns a thenable that throws when it is looked at',
    () =>
      thenable(() => {
        throw 1;
      }),
  ],
  [
    'returns a thenable that throws when it is called',
    () =>
      thenable(() => () => {
        throw 1;
      }),
  ],
  [
    'returns a thenable that rejects',
    () => thenable(() => (_: unknown, reject: (error: unknown) => void) => reject(1)),
  ],
  ['never settles', () => new Promise(() => {})],
])('a logger that %s hurts no caller', async (_what, level) => {
  const rejections: unknown[] = [];
  const hear = (error: unknown): void => void rejections.push(error);
  process.on('unhandledRejection', hear);
  const log = makeLog({ info: level, warn: level, error: level } as Logger, 'x', MASTER);
  for (const name of ['info', 'warn', 'error'] as const) log[name]('line', { event: 'stop' });
  await new Promise((resolve) => setTimeout(resolve, 10));
  process.off('unhandledRejection', hear);
  expect(rejections).toEqual([]);
});

test('a logger keeps its this, and may log again and again from within', () => {
  class Recursive implements Logger {
    lines = 0;
    info(): void {
      this.lines++;
      log.info('again', { event: 'stop' });
    }
    warn(): void {
      this.lines++;
    }
    error(): void {
      this.lines++;
    }
  }
  const logger = new Recursive();
  const log = makeLog(logger, 'x', MASTER);
  log.warn('once');
  expect(logger.lines).toBe(1);
  log.info('deep', { event: 'stop' });
  expect(logger.lines).toBeGreaterThan(1);
});

test('a logger with child gets each line through a child with its fields, and the same text as any other', () => {
  const { logger, lines } = structured(function (fields) {
    const write = (level: 'info' | 'warn' | 'error') => (text: string) =>
      this[level](JSON.stringify({ ...fields, text }));
    return { info: write('info'), warn: write('warn'), error: write('error') };
  });
  const log = makeLog(logger, 'prefork[api] master 100', MASTER);
  log.info('spawned', { event: 'spawn', worker: WORKER });
  log.warn('slow');
  log.error('ended', {
    event: 'exit',
    worker: WORKER,
    code: null,
    signal: 'SIGKILL',
    reason: '',
    requested: false,
    uptime: 9,
  });
  log.error('failed', { event: 'hook', error: Object.assign(new Error('no'), { code: 'ENOENT' }) });
  expect(lines.map(([level, text]) => [level, JSON.parse(text as string)])).toEqual([
    ['info', { fleet: 'api', event: 'spawn', ...WORKER, text: 'prefork[api] master 100: spawned' }],
    ['warn', { fleet: 'api', event: 'warning', pid: 100, text: 'prefork[api] master 100: slow' }],
    [
      'error',
      {
        fleet: 'api',
        event: 'exit',
        ...WORKER,
        signal: 'SIGKILL',
        requested: false,
        uptime: 9,
        text: 'prefork[api] master 100: ended',
      },
    ],
    [
      'error',
      { fleet: 'api', event: 'hook', pid: 100, code: 'ENOENT', reason: 'no', text: 'prefork[api] master 100: failed' },
    ],
  ]);
});

test('the fields have no key for what does not apply, the pid of the master for a worker that has none, and those of the worker that logs', () => {
  const all: LogFields[] = [];
  const { logger } = structured((fields) => all.push(fields));
  makeLog(logger, 'x', MASTER).warn('a', { event: 'spawn', worker: { slot: 1, pid: 0, generation: 0 }, code: null });
  makeLog(logger, 'x', { fleet: 'api', ...WORKER }).info('b', { event: 'drain' });
  makeLog(logger, 'x', MASTER).warn('c', { event: 'recover', slot: 0 });
  expect(all).toEqual([
    { fleet: 'api', event: 'spawn', slot: 1, pid: 100, generation: 0 },
    { fleet: 'api', event: 'drain', ...WORKER },
    { fleet: 'api', event: 'recover', slot: 0, pid: 100 },
  ]);
  for (const fields of all) expect(Object.values(fields)).not.toContain(undefined);
});

test.each<[string, () => unknown]>([
  [
    'throws',
    () => {
      throw Object.create(null);
    },
  ],
  ['returns nothing', () => undefined],
  ['returns null', () => null],
  ['returns text', () => 'child'],
  ['returns an object without the method', () => ({ info: 'no function' })],
  [
    'returns an object whose methods throw when they are looked at',
    () =>
      new Proxy(
        {},
        {
          get() {
            throw 1;
          },
        },
      ),
  ],
  ['rejects', async () => Promise.reject(new Error('no child'))],
  [
    'returns a thenable that rejects',
    () => thenable(() => (_: unknown, reject: (error: unknown) => void) => reject(1)),
  ],
])('a child that %s: the line goes to the logger itself', async (_what, child) => {
  const rejections: unknown[] = [];
  const hear = (error: unknown): void => void rejections.push(error);
  process.on('unhandledRejection', hear);
  const { logger, lines } = structured(child);
  makeLog(logger, 'x', MASTER).info('line', { event: 'stop' });
  await new Promise((resolve) => setTimeout(resolve, 10));
  process.off('unhandledRejection', hear);
  expect({ lines, rejections }).toEqual({ lines: [['info', 'x: line']], rejections: [] });
});

test('a logger whose child is no function, or throws when it is looked at, gets the text and nothing else', () => {
  const { logger, lines } = structured(() => undefined);
  makeLog({ ...logger, child: 'none' } as unknown as Logger, 'x', MASTER).warn('one', {
    event: 'stop',
    worker: WORKER,
  });
  const { child: _child, ...plain } = logger;
  makeLog(plain, 'x', MASTER).warn('two', { event: 'stop', worker: WORKER });
  const throwing = Object.defineProperty({ ...plain }, 'child', {
    get() {
      throw 1;
    },
  });
  makeLog(throwing as Logger, 'x', MASTER).warn('three', { event: 'stop', worker: WORKER });
  expect(lines).toEqual([
    ['warn', 'x: one'],
    ['warn', 'x: two'],
    ['warn', 'x: three'],
  ]);
});

test('a child that throws when it logs hurts no caller, and an error that cannot be looked at has words all the same', () => {
  const seen: LogFields[] = [];
  const { logger } = structured((fields) => {
    seen.push(fields);
    return {
      error() {
        throw 1;
      },
    };
  });
  const error = new Proxy(new Error('hidden'), {
    get() {
      throw 1;
    },
    getPrototypeOf() {
      throw 1;
    },
  });
  makeLog(logger, 'x', MASTER).error('line', { event: 'hook', error });
  expect(seen).toEqual([{ fleet: 'api', event: 'hook', pid: 100, reason: expect.any(String) }]);
});
