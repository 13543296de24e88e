import { expect, test } from 'vitest';
import { makeLog } from '../../../lib/common/log.js';
import type { Logger } from '../../../lib/types.js';

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
  const log = makeLog({ info: level, warn: level, error: level } as Logger, 'x');
  for (const name of ['info', 'warn', 'error'] as const) log[name]('line');
  await new Promise((resolve) => setTimeout(resolve, 10));
  process.off('unhandledRejection', hear);
  expect(rejections).toEqual([]);
});

test('a logger keeps its this, and may log again and again from within', () => {
  class Recursive implements Logger {
    lines = 0;
    info(): void {
      this.lines++;
      log.info('again');
    }
    warn(): void {
      this.lines++;
    }
    error(): void {
      this.lines++;
    }
  }
  const logger = new Recursive();
  const log = makeLog(logger, 'x');
  log.warn('once');
  expect(logger.lines).toBe(1);
  log.info('deep');
  expect(logger.lines).toBeGreaterThan(1);
});
