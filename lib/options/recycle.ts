/** `recycle`. */

import { invalidOption } from '../common/errors.js';
import { checkMilliseconds, checkNames, checkNumber, checkObject } from './check.js';
import type { RecycleSettings } from './settings.js';

const JITTER = 0.2;
const LIMITS = ['maxAge', 'maxRequests', 'maxRss'] as const;
const COUNT = { min: 1, max: Number.MAX_SAFE_INTEGER, integer: true };

export function checkRecycle(value: unknown): RecycleSettings | undefined {
  if (value === undefined) return undefined;
  const given = checkObject('recycle', value, `an object with ${LIMITS.join(', ')} or jitter`);
  checkNames('recycle', given, [...LIMITS, 'jitter']);
  const { maxAge, maxRequests, maxRss, jitter } = given;
  const settings = {
    maxAge: maxAge === undefined ? undefined : checkMilliseconds('recycle.maxAge', maxAge, 1),
    maxRequests: maxRequests === undefined ? undefined : checkNumber('recycle.maxRequests', maxRequests, COUNT),
    maxRss: maxRss === undefined ? undefined : checkNumber('recycle.maxRss', maxRss, COUNT),
    jitter: jitter === undefined ? JITTER : checkNumber('recycle.jitter', jitter, { min: 0, max: 1 }),
  };
  if (LIMITS.every((name) => settings[name] === undefined)) {
    throw invalidOption('recycle', value, `an object with at least one of ${LIMITS.join(', ')}`, { range: true });
  }
  return settings;
}
