/** The `logger` option. */

import { invalidOption } from '../common/errors.js';
import type { Logger } from '../types.js';
import { checkObject } from './check.js';

export function checkLogger(option: string, value: unknown): Logger | false {
  if (value === false) return value;
  const allowed = 'an object with the methods info, warn and error (console, pino), or false';
  // console is an object; some loggers are functions with methods.
  const logger = (typeof value === 'function' ? value : checkObject(option, value, allowed)) as Partial<Logger>;
  for (const level of ['info', 'warn', 'error'] as const) {
    const method = methodOf(logger, level);
    if (typeof method !== 'function') {
      throw invalidOption(`${option}.${level}`, method, `a function: '${option}' is ${allowed}`);
    }
  }
  return logger as Logger;
}

/** A getter that throws has no method. */
function methodOf(logger: Partial<Logger>, level: keyof Logger): unknown {
  try {
    return logger[level];
  } catch {
    return undefined;
  }
}
