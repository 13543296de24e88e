import { expect, test } from 'vitest';
import { isLinux, isPosix, isWindows, linux, posix, windows } from '../../../lib/addon/narrow.cjs';
import type { CommonAddon } from '../../../lib/addon/native.cjs';
import { FakeNative } from '../../helpers/fake-native.js';

const elsewhere = { closeFd: () => {} } as Partial<CommonAddon> as CommonAddon;

test('a caller gets what only one system has on that system', () => {
  const { binding } = new FakeNative();
  expect(posix(binding)).toBe(binding);
  expect(linux(binding)).toBe(binding);
  expect([isPosix(binding), isLinux(binding), isWindows(binding)]).toEqual([true, true, false]);
});

test.each([posix, linux, windows])(
  'what only one system has is ERR_PREFORK_UNSUPPORTED elsewhere, not a TypeError: %o',
  (narrow) => {
    expect(() => narrow(elsewhere)).toThrow(
      expect.objectContaining({ name: 'PreforkError', code: 'ERR_PREFORK_UNSUPPORTED', exits: [] }),
    );
  },
);
