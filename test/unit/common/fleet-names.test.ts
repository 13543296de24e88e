import { createServer as createHttp } from 'node:http';
import { createServer } from 'node:net';
import { beforeEach, expect, test, vi } from 'vitest';
import { nextFleetName } from '../../../lib/common/fleet-names.js';

const one = () => {};
const other = () => void 'other';

/** The names of all tests of this process are in one list. */
let first: number;
beforeEach(() => {
  first = Number(nextFleetName(() => void 'the last one before').name) + 1;
});

const at = (index: number) => String(first + index);

test('fleets are numbered in the order of construction', () => {
  expect([one, one, other].map((serve) => nextFleetName(serve).name)).toEqual([at(0), at(1), at(2)]);
});

test('what takes the place of a fleet that failed, and serves the same, has its name: its workers come to the first one', () => {
  const fleets = [one, other].map((serve) => nextFleetName(serve));
  for (const { failed } of fleets) failed();
  expect(nextFleetName(other).name).toBe(at(1));
  // Another closure of the same code.
  expect(nextFleetName(() => void 'other').name).toBe(at(2));
  fleets[1]?.failed();
  expect(nextFleetName(() => void 'other').name).toBe(at(1));
});

test('a fleet that serves something else has the next number after one that failed: workers of that name would serve what failed', () => {
  nextFleetName(createServer()).failed();
  expect(nextFleetName(createHttp()).name).toBe(at(1));
  expect(nextFleetName(createServer()).name).toBe(at(0));
});

test('two copies of the package count together', async () => {
  vi.resetModules();
  const copy = await import('../../../lib/common/fleet-names.js');
  expect(copy.nextFleetName).not.toBe(nextFleetName);
  const third = () => void 'third';
  expect([nextFleetName(third).name, copy.nextFleetName(third).name]).toEqual([at(0), at(1)]);
});
