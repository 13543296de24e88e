import { expect, test } from 'vitest';
import type { NativeBinding } from '../../../lib/addon/native.cjs';
import { onLinux } from '../../../lib/common/on-linux.js';
import { FakeNative } from '../../helpers/fake-native.js';

test('what only Linux has is given to who asks on Linux', () => {
  const { binding } = new FakeNative();
  expect(onLinux(binding)).toBe(binding);
});

test('what only Linux has is ERR_PREFORK_UNSUPPORTED elsewhere, not a TypeError', () => {
  const elsewhere: Partial<NativeBinding> = { closeFd: () => {} };
  expect(() => onLinux(elsewhere as NativeBinding)).toThrow(
    expect.objectContaining({ name: 'PreforkError', code: 'ERR_PREFORK_UNSUPPORTED' }),
  );
});
