import { expect, test } from 'vitest';
import { executable } from '../../../../lib/system/posix/own-binary.js';

test('a program that exists is executed under its own name', () => {
  expect(executable(process.execPath, process.execPath, 'linux')).toBe(process.execPath);
});

test("the master's own binary has another name on Linux when it is gone; no other program has, and no other system", () => {
  expect(executable('/gone/node', '/gone/node', 'linux')).toBe('/proc/self/exe');
  expect(executable('/gone/other', '/gone/node', 'linux')).toBe('/gone/other');
  expect(executable('/gone/node', '/gone/node', 'darwin')).toBe('/gone/node');
});
