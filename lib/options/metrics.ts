/** The `metrics` option. */

import type { Metrics } from '../types.js';
import { checkNumber, checkObject, checkString } from './check.js';
import { milliseconds, withDefault } from './kinds.js';
import { type Option, type Settled, settle } from './option.js';

const METRICS = {
  /** The machine alone: what a fleet says of itself is not for everybody. */
  host: withDefault((option, value) => checkString(option, value, 'an address of this machine'), '127.0.0.1'),
  port: {
    check: (option: string, value: unknown) => checkNumber(option, value, { min: 0, max: 65_535, integer: true }),
  },
  liveTimeout: milliseconds({ least: 100, otherwise: 10_000 }),
} satisfies Record<keyof Metrics, Option<unknown>>;

export type MetricsSettings = Settled<typeof METRICS>;

export function checkMetrics(option: string, value: unknown): MetricsSettings {
  return settle(METRICS, option, checkObject(option, value, 'an object with port, and perhaps host and liveTimeout'));
}
