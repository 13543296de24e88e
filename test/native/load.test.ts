import { expect, test } from 'vitest';
import { native } from '../../lib/binding.cjs';

test('loads', () => {
  expect(native.features.pidfd).toBe(true);
});
