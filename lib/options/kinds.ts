/** Kinds of options, each made of its bounds and its default: the words in which the tables of options are written. */

import { checkBoolean, checkFunction, checkMilliseconds, checkNumber, checkOneOf, checkString } from './check.js';
import type { Check, Option } from './option.js';

/** `check` refuses `undefined`. */
export function required<T>(check: Check<T>): Option<T> {
  return { check };
}

export function optional<T>(check: Check<T>): Option<T | undefined> {
  return { check, otherwise: undefined };
}

export function withDefault<T>(check: Check<T>, otherwise: NoInfer<T>): Option<T> {
  return { check, otherwise };
}

/** `otherwise` is the default; `undefined` where there is none, or where it depends on more than the option. */
interface Range<D> {
  readonly least: number;
  readonly most: number;
  readonly otherwise: D;
}

interface Unbounded<D> extends Omit<Range<D>, 'most'> {
  /** `Infinity` is allowed, too. */
  readonly orInfinity?: boolean;
}

export function milliseconds<D>({ least, orInfinity, otherwise }: Unbounded<D>): Option<number | D> {
  return { check: (option, value) => checkMilliseconds(option, value, least, orInfinity), otherwise };
}

/** Fractions are fine. */
export function number<D>({ least: min, most: max, otherwise }: Range<D>): Option<number | D> {
  return { check: (option, value) => checkNumber(option, value, { min, max }), otherwise };
}

/** An integer; without `most` as large as numbers can count. */
export function count<D>(bounds: Unbounded<D> & { readonly most?: number }): Option<number | D> {
  const { least: min, most: max = Number.MAX_SAFE_INTEGER, orInfinity, otherwise } = bounds;
  return { check: (option, value) => checkNumber(option, value, { min, max, integer: true, orInfinity }), otherwise };
}

export function flag(otherwise: boolean): Option<boolean> {
  return withDefault(checkBoolean, otherwise);
}

export function oneOf<const T extends string>(allowed: readonly T[], otherwise: NoInfer<T>): Option<T> {
  return withDefault((option, value) => checkOneOf(option, value, allowed), otherwise);
}

/** @param what What it is, for messages. */
export function text(what: string): Option<string | undefined> {
  return optional((option, value) => checkString(option, value, what));
}

/** Checked for being callable only: JavaScript cannot see a signature. */
export function callable<T>(): Option<T | undefined> {
  return optional((option, value) => checkFunction(option, value as T));
}
