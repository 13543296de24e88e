/**
 * The environment that this process was started with. `CommonSystem` reads it once: workers get it, and not what the program has put into
 * `process.env` since. A program that reads a `.env` file reads it again in each worker, and such a library leaves alone what is there already.
 */

import { readFileSync } from 'node:fs';

/** The memory in which the kernel left it, which setenv(3) does not touch (proc_pid_environ(5)). */
const GIVEN = '/proc/self/environ';

/** One text, which costs a master less than a hundred strings. `undefined` elsewhere than on Linux, and where this process may not read it. */
export function givenEnvironment(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    return readFileSync(GIVEN, 'utf8');
  } catch {
    return undefined;
  }
}

export function parseEnvironment(given: string): Record<string, string> {
  // Without a prototype: a variable may be called `constructor`.
  const variables: Record<string, string> = Object.create(null);
  for (const variable of given.split('\0')) {
    const end = variable.indexOf('=');
    // Of two with one name getenv(3) returns the first.
    if (end > 0) variables[variable.slice(0, end)] ??= variable.slice(end + 1);
  }
  return variables;
}
