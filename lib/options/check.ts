/**
 * Checks of single values, shared by the option modules. Each returns the value it was given or throws `invalidOption`.
 */

import { invalidOption, unknownOption } from '../common/errors.js';
import { TIMER_MAX } from '../common/timers.js';

export type Keyed = Readonly<Record<string, unknown>>;

/** By a name that does not exist: what is meant. */
export type Hints = () => Readonly<Record<string, string>>;

export interface NumberBounds {
  readonly min: number;
  readonly max: number;
  /** Default: fractions are fine. */
  readonly integer?: boolean;
  /** `Infinity` is allowed besides `min..max`. */
  readonly orInfinity?: boolean;
  /** Appended to the range in the message, e.g. `milliseconds`. */
  readonly unit?: string;
}

export function checkNumber(option: string, value: unknown, bounds: NumberBounds): number {
  const { min, max, integer = false, orInfinity = false, unit } = bounds;
  const allowed =
    `${integer ? 'an integer' : 'a number'} from ${min} to ${max}` +
    `${unit === undefined ? '' : ` (${unit})`}${orInfinity ? ', or Infinity' : ''}`;
  if (typeof value !== 'number') throw invalidOption(option, value, allowed);
  if (orInfinity && value === Infinity) return value;
  // Written so that NaN fails.
  if (!(value >= min && value <= max) || (integer && !Number.isInteger(value))) {
    throw invalidOption(option, value, allowed, { range: true });
  }
  return value;
}

export function checkMilliseconds(option: string, value: unknown, min: number, orInfinity = false): number {
  return checkNumber(option, value, { min, max: TIMER_MAX, unit: 'milliseconds', orInfinity });
}

export function checkBoolean(option: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw invalidOption(option, value, 'true or false');
  return value;
}

/** A non-empty string that execve(2), open(2) and bind(2) can take: C strings end at the first NUL. */
export function checkString(option: string, value: unknown, what = 'a non-empty string'): string {
  const text = checkText(option, value, what);
  if (text === '') throw invalidOption(option, value, what, { range: true });
  return text;
}

/** Like {@link checkString}, but the string may be empty (arguments, environment values). */
export function checkText(option: string, value: unknown, what = 'a string'): string {
  if (typeof value !== 'string') throw invalidOption(option, value, what);
  if (value.includes('\0')) throw invalidOption(option, value, `${what} without NUL characters`, { range: true });
  return value;
}

export function checkTextList(option: string, value: unknown): readonly string[] {
  if (!Array.isArray(value)) throw invalidOption(option, value, 'an array of strings');
  // Array.from visits holes too: a hole is not a string either.
  return Array.from(value as unknown[], (item, index) => checkText(`${option}[${index}]`, item));
}

export function checkOneOf<T extends string>(option: string, value: unknown, allowed: readonly T[]): T {
  const list = allowed.map((name) => `'${name}'`).join(', ');
  if (typeof value !== 'string') throw invalidOption(option, value, `one of ${list}`);
  if (!(allowed as readonly string[]).includes(value)) {
    throw invalidOption(option, value, `one of ${list}`, { range: true });
  }
  return value as T;
}

/** Checked for being callable only; the caller knows the signature. */
export function checkFunction<T>(option: string, value: T, what = 'a function'): T {
  if (typeof value !== 'function') throw invalidOption(option, value, what);
  return value;
}

export function checkObject(option: string, value: unknown, what = 'an object'): Keyed {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalidOption(option, value, what);
  return value as Keyed;
}

/**
 * Refuses names that do not exist: a misspelt option that is silently ignored is the commonest way to run a fleet with
 * settings that the user did not ask for. A key whose value is `undefined` counts as absent.
 * @param hints What to use instead of names that other libraries have.
 */
export function checkNames(prefix: string, value: Keyed, known: readonly string[], hints: Hints = () => ({})): void {
  for (const name of Object.keys(value)) {
    if (known.includes(name) || value[name] === undefined) continue;
    const hint = Object.entries(hints()).find(([other]) => plain(other) === plain(name))?.[1] ?? nearest(name, known);
    const meant = hint !== undefined && known.includes(hint) ? `'${dotted(prefix, hint)}'` : hint;
    throw unknownOption(dotted(prefix, name), value[name], meant, known);
  }
}

/** An option inside of another, as messages name it. */
export function dotted(prefix: string, name: string): string {
  return prefix === '' ? name : `${prefix}.${name}`;
}

/** `kill_timeout` and `KillTimeout` are `killTimeout`. */
function plain(name: string): string {
  return name.replace(/[_-]/g, '').toLowerCase();
}

/** The known name that was probably meant. Of its writing only the letters count, and two typing errors are forgiven in a long name. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const limit = name.length < 5 ? 1 : 2;
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of known) {
    const distance = editDistance(plain(name), plain(candidate));
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const cost = a[row - 1] === b[column - 1] ? 0 : 1;
      let distance = Math.min(at(last, column) + 1, at(current, column - 1) + 1, at(last, column - 1) + cost);
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        distance = Math.min(distance, at(beforeLast, column - 2) + 1);
      }
      current.push(distance);
    }
    [beforeLast, last] = [last, current];
  }
  return at(last, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity;
}
