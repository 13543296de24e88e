/** What the model claims: so often that `expect()` would take most of its time. */

import { AssertionError } from 'node:assert';

export function claim(holds: boolean, what: string): void {
  if (!holds) throw new AssertionError({ message: what });
}

export function same<T>(actual: T, expected: T, what: string): void {
  if (actual !== expected) throw new AssertionError({ message: `${what}: ${actual}, not ${expected}` });
}

export function atMost(actual: number, most: number, what: string): void {
  if (actual > most) throw new AssertionError({ message: `${what}: ${actual}, and at most ${most} are allowed` });
}

export function none(found: readonly unknown[], what: string): void {
  if (found.length > 0) throw new AssertionError({ message: `${what}: ${found.join(', ')}` });
}
