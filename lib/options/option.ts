/**
 * What an option is, and the loop that checks a table of them. `resolve.ts` calls it for the options of a fleet, and options that are objects
 * call it for what is inside of them.
 */

import type { PreforkOptions } from '../types.js';
import { checkNames, dotted, type Hints, type Keyed } from './check.js';

/**
 * Returns what the value comes to.
 * @param option Its name in messages: dotted when it is inside of another option.
 * @throws `ERR_PREFORK_INVALID_OPTION`.
 */
export type Check<T> = (option: string, value: unknown) => T;

export interface Option<T> {
  readonly check: Check<T>;
  /** What it is when the caller leaves it out. Without this key `check` gets the `undefined`, and refuses it. */
  readonly otherwise?: T;
  /** Options that are checked before it, wherever they are in the table: of several wrong ones only the first is reported. */
  readonly after?: readonly (keyof PreforkOptions)[];
}

export type Table = Readonly<Record<string, Option<unknown>>>;

/** Some of a fleet's options: what is none is a type error. */
export type Part = { readonly [Name in keyof PreforkOptions]?: Option<unknown> };

/** What the options of a table come to: every default filled in, every value checked. */
export type Settled<T extends Table> = { readonly [Name in keyof T]: ReturnType<T[Name]['check']> };

/**
 * Checks in the order of the table, after it has looked for names that are not in it.
 * @param prefix The option that has these inside of it; `''` for those of a fleet.
 * @param hints See {@link checkNames}.
 */
export function settle<T extends Table>(table: T, prefix: string, given: Keyed, hints?: Hints): Settled<T> {
  const names = Object.keys(table);
  checkNames(prefix, given, names, hints);
  const settled: Record<string, unknown> = {};
  const settleOne = (name: string): void => {
    const option = table[name];
    if (option === undefined || name in settled) return;
    for (const other of option.after ?? []) settleOne(other);
    const value = given[name];
    settled[name] =
      value === undefined && 'otherwise' in option ? option.otherwise : option.check(dotted(prefix, name), value);
  };
  for (const name of names) settleOne(name);
  return settled as Settled<T>;
}

/** Those of the values whose options are in `part`. */
export function pick<P extends Table>(values: Settled<P>, part: P): Settled<P> {
  return filtered(values, (name) => name in part) as Settled<P>;
}

/** The others. */
export function omit<V extends Keyed, P extends Table>(values: V, part: P): Omit<V, keyof P> {
  return filtered(values, (name) => !(name in part)) as Omit<V, keyof P>;
}

function filtered(values: Keyed, wanted: (name: string) => boolean): Keyed {
  return Object.fromEntries(Object.entries(values).filter(([name]) => wanted(name)));
}
