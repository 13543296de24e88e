/** `recoverThreshold`, `recoverWindow` and `recoverInterval`. */

import { invalidOption } from '../common/errors.js';
import type { Backoff, PreforkOptions } from '../types.js';
import { checkMilliseconds, checkNames, checkNumber, checkObject } from './check.js';
import type { RecoverySettings } from './settings.js';

const RECOVERIES_PER_WORKER = 5;
const WINDOW = 60_000;
export const BACKOFF: Required<Backoff> = { initial: 100, max: 30_000, factor: 2, jitter: 0.2 };

export function checkRecovery(options: PreforkOptions, workers: number): RecoverySettings {
  const { recoverThreshold, recoverWindow, recoverInterval } = options;
  const count = { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true, orInfinity: true };
  return {
    threshold:
      recoverThreshold === undefined
        ? RECOVERIES_PER_WORKER * workers
        : checkNumber('recoverThreshold', recoverThreshold, count),
    window: recoverWindow === undefined ? WINDOW : checkMilliseconds('recoverWindow', recoverWindow, 1, true),
    interval: checkInterval(recoverInterval),
  };
}

function checkInterval(value: unknown): RecoverySettings['interval'] {
  if (value === undefined) return { kind: 'backoff', ...BACKOFF };
  if (typeof value === 'number') return { kind: 'fixed', delay: checkMilliseconds('recoverInterval', value, 0) };
  const given = checkObject('recoverInterval', value, 'milliseconds or an object { initial, max, factor, jitter }');
  checkNames('recoverInterval', given, Object.keys(BACKOFF));
  const { initial, max, factor, jitter } = given;
  const checked = {
    initial: initial === undefined ? BACKOFF.initial : checkMilliseconds('recoverInterval.initial', initial, 0),
    max: max === undefined ? BACKOFF.max : checkMilliseconds('recoverInterval.max', max, 0),
    factor:
      factor === undefined ? BACKOFF.factor : checkNumber('recoverInterval.factor', factor, { min: 1, max: 1_000 }),
    jitter: jitter === undefined ? BACKOFF.jitter : checkNumber('recoverInterval.jitter', jitter, { min: 0, max: 1 }),
  };
  if (checked.max < checked.initial) {
    const allowed = `at least 'recoverInterval.initial' (${checked.initial})`;
    throw invalidOption('recoverInterval.max', checked.max, allowed, { range: true });
  }
  return { kind: 'backoff', ...checked };
}
