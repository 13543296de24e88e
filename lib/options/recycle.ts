/** The `recycle` option. */

import { invalidOption } from '../common/errors.js';
import type { Recycle } from '../types.js';
import { checkObject } from './check.js';
import { count, milliseconds, number } from './kinds.js';
import { type Option, type Settled, settle } from './option.js';

const LIMITS = {
  maxAge: milliseconds({ least: 1, otherwise: undefined }),
  maxRequests: count({ least: 1, otherwise: undefined }),
  /** Bytes. */
  maxRss: count({ least: 1, otherwise: undefined }),
};

const RECYCLE = {
  ...LIMITS,
  /** By what share of itself a limit is lowered at most. */
  jitter: number({ least: 0, most: 1, otherwise: 0.2 }),
} satisfies Record<keyof Recycle, Option<unknown>>;

/** At least one limit is given. */
export type RecycleSettings = Settled<typeof RECYCLE>;

export function checkRecycle(option: string, value: unknown): RecycleSettings {
  const limits = Object.keys(LIMITS);
  const given = checkObject(option, value, `an object with ${limits.join(', ')} or jitter`);
  const settings = settle(RECYCLE, option, given);
  if (limits.every((name) => given[name] === undefined)) {
    throw invalidOption(option, value, `an object with at least one of ${limits.join(', ')}`, { range: true });
  }
  return settings;
}
