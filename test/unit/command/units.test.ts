import { expect, test } from 'vitest';
import { count, duration, orInfinity, size, workers } from '../../../lib/command/units.js';

test.each([
  ['0', 0],
  ['500', 500],
  ['500ms', 500],
  ['0.1s', 100],
  ['10s', 10_000],
  ['1.5m', 90_000],
  ['2h', 7_200_000],
  ['2H', 7_200_000],
  ['', undefined],
  ['s', undefined],
  ['-1s', undefined],
  ['1 s', undefined],
  ['1d', undefined],
  ['1e3', undefined],
  ['Infinity', undefined],
])('a time: %j is %j ms', (text, ms) => {
  expect(duration(text)).toBe(ms);
});

test.each([
  ['1048576', 1_048_576],
  ['10b', 10],
  ['64k', 65_536],
  ['512M', 536_870_912],
  ['512MB', 536_870_912],
  ['512MiB', 536_870_912],
  ['1.5g', 1_610_612_736],
  ['', undefined],
  ['M', undefined],
  ['1T', undefined],
  ['-5M', undefined],
])('a size: %j is %j bytes', (text, bytes) => {
  expect(size(text)).toBe(bytes);
});

test.each([
  ['4', 4],
  ['max', 8],
  ['50%', 4],
  ['30%', 2],
  ['1%', 1],
  ['200%', 16],
  ['', undefined],
  ['all', undefined],
  ['%', undefined],
  ['-1', undefined],
  ['2.5', undefined],
])('workers on 8 CPUs: %j is %j', (text, number) => {
  expect(workers(text, () => 8)).toBe(number);
});

test('Infinity is a number only where it is allowed', () => {
  expect([count('Infinity'), orInfinity(count)('infinity'), orInfinity(count)('3')]).toEqual([undefined, Infinity, 3]);
});
