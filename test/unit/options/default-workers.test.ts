import { expect, test } from 'vitest';
import { defaultWorkers } from '../../../lib/options/default-workers.js';

const workers = (WEB_CONCURRENCY?: string) => defaultWorkers({ WEB_CONCURRENCY }, () => 7);

test('WEB_CONCURRENCY is the default number of workers', () => {
  expect(workers('1')).toBe(1);
  expect(workers('3')).toBe(3);
  expect(workers('65535')).toBe(65_535);
  expect([workers(), workers('')]).toEqual([7, 7]);
});

test.each(['0', '-1', '65536', '2.5', 'auto', '1e3', ' 2', '2 ', '0x2'])(
  'WEB_CONCURRENCY=%s is an error that names it',
  (text) => {
    expect(() => workers(text)).toThrow(
      expect.objectContaining({
        name: 'RangeError',
        code: 'ERR_PREFORK_INVALID_OPTION',
        option: 'workers',
        message: `Option 'workers' must be given, or WEB_CONCURRENCY in the environment be an integer from 1 to 65535; got WEB_CONCURRENCY=${text}`,
      }),
    );
  },
);
