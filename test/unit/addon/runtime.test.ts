import { afterEach, expect, test } from 'vitest';
import { unsupportedRuntime } from '../../../lib/addon/runtime.cjs';
import { isChild, Prefork, prefork } from '../../../lib/index.js';

const own = process.versions;
afterEach(() => {
  Object.defineProperty(process, 'versions', { value: own });
  delete process.env['PREFORK_CHILD'];
});

function pretend(runtime: string, version: string): void {
  Object.defineProperty(process, 'versions', { value: { ...own, [runtime]: version }, configurable: true });
}

const options = { listen: '127.0.0.1:0', serve: () => {}, logger: false } as const;
const others: [string, string, string][] = [
  ['electron', '39.1.0', 'Electron 39.1.0'],
  ['nw', '0.104.1', 'NW.js 0.104.1'],
  ['bun', '1.4.5', 'Bun 1.4.5'],
  ['deno', '2.9.6', 'Deno 2.9.6'],
];

test('Node.js is supported', () => {
  expect(unsupportedRuntime()).toBeUndefined();
  expect(() => new Prefork(options)).not.toThrow();
});

test.each(others)(
  'F15a a fleet in %s is ERR_PREFORK_UNSUPPORTED with its name and version',
  async (key, version, name) => {
    pretend(key, version);
    const refusal = {
      name: 'PreforkError',
      code: 'ERR_PREFORK_UNSUPPORTED',
      message: `prefork needs Node.js; this is ${name}`,
    };
    expect(() => new Prefork(options)).toThrow(expect.objectContaining(refusal));
    await expect(prefork(options)).rejects.toMatchObject(refusal);
    // Before the options are looked at: the runtime is the cause of whatever is wrong with them.
    expect(() => new Prefork({ ...options, workers: 0 })).toThrow(expect.objectContaining(refusal));
  },
);

test.each(others)('F15a no process of %s is a worker, and its environment is left alone', (key, version) => {
  pretend(key, version);
  process.env['PREFORK_CHILD'] = '1';
  expect(isChild()).toBe(false);
  expect(process.env['PREFORK_CHILD']).toBe('1');
});
