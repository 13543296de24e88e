/** `recoverThreshold`, `recoverWindow` and `recoverInterval`. */

import { invalidOption } from '../common/errors.js';
import type { Backoff } from '../types.js';
import { checkMilliseconds, checkObject } from './check.js';
import { count, milliseconds, number, withDefault } from './kinds.js';
import { type Option, type Part, type Settled, settle } from './option.js';

const RECOVERIES_PER_WORKER = 5;

const BACKOFF_OPTIONS = {
  initial: milliseconds({ least: 0, otherwise: 100 }),
  max: milliseconds({ least: 0, otherwise: 30_000 }),
  factor: number({ least: 1, most: 1_000, otherwise: 2 }),
  jitter: number({ least: 0, most: 1, otherwise: 0.2 }),
} satisfies Record<keyof Backoff, Option<number>>;

/** `fixed`: the same delay before every recovery, the first one included. */
type Interval =
  | { readonly kind: 'fixed'; readonly delay: number }
  | ({ readonly kind: 'backoff' } & Settled<typeof BACKOFF_OPTIONS>);

export const BACKOFF = settle(BACKOFF_OPTIONS, '', {});

export const RECOVERY = {
  /** `undefined`: see {@link recoverySettings}. */
  recoverThreshold: count({ least: 0, orInfinity: true, otherwise: undefined }),
  recoverWindow: milliseconds({ least: 1, orInfinity: true, otherwise: 60_000 }),
  recoverInterval: withDefault(checkInterval, { kind: 'backoff', ...BACKOFF }),
} satisfies Part;

/** When a slot is recovered, and when the fleet gives up. */
export interface RecoverySettings {
  readonly threshold: number;
  /** Milliseconds. */
  readonly window: number;
  readonly interval: Interval;
}

export function recoverySettings(values: Settled<typeof RECOVERY>, workers: number): RecoverySettings {
  const {
    recoverThreshold: threshold = RECOVERIES_PER_WORKER * workers,
    recoverWindow: window,
    recoverInterval: interval,
  } = values;
  return { threshold, window, interval };
}

function checkInterval(option: string, value: unknown): Interval {
  if (typeof value === 'number') return { kind: 'fixed', delay: checkMilliseconds(option, value, 0) };
  const given = checkObject(option, value, 'milliseconds or an object { initial, max, factor, jitter }');
  const backoff = settle(BACKOFF_OPTIONS, option, given);
  if (backoff.max < backoff.initial) {
    const allowed = `at least '${option}.initial' (${backoff.initial})`;
    throw invalidOption(`${option}.max`, backoff.max, allowed, { range: true });
  }
  return { kind: 'backoff', ...backoff };
}
