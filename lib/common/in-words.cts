/**
 * Anything that was thrown, in words: for log lines and messages. What programs throw may be anything, also what throws again when it is
 * looked at. CommonJS and light: workers need it before any user module is loaded.
 */

/** Characters. A stack fits; what is longer says no more. */
const LIMIT = 8 * 1024;

/** As `String(value)`, but never throws, is never long, and shows what a plain object holds. */
export function inWords(value: unknown): string {
  return attempt(() => (isPlain(value) ? JSON.stringify(value) : String(value))) ?? nameless(value);
}

/** The message of an error without its name; anything else as {@link inWords}. */
export function reasonOf(value: unknown): string {
  return attempt(() => (value instanceof Error ? value.message : undefined)) || inWords(value);
}

/** The stack of an error, which begins with its name and message; anything else as {@link inWords}. */
export function stackOf(value: unknown): string {
  return attempt(() => (value instanceof Error ? value.stack : undefined)) ?? inWords(value);
}

/** A text that may throw when it is asked for, and may turn out to be none. Bounded. */
export function attempt(text: () => unknown): string | undefined {
  try {
    const found = text();
    if (typeof found !== 'string') return undefined;
    return found.length > LIMIT ? `${found.slice(0, LIMIT)}…` : found;
  } catch {
    return undefined;
  }
}

/** As `instanceof`, which a proxy may answer by throwing. */
export function isError(value: unknown): value is Error {
  try {
    return value instanceof Error;
  } catch {
    return false;
  }
}

/** `[object Object]` says nothing. */
function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || Array.isArray(value);
}

function nameless(value: unknown): string {
  return `(${typeof value} that cannot be put into words)`;
}
