/**
 * Every option: what it may be, and its default. A name is here and in `PreforkOptions`, whose docstrings describe it; the rest follows from
 * the two: `resolve.ts` checks what the caller gave, `settings.ts` has the types, and `scripts/option-table.mjs` writes the guide's table.
 */

import { invalidOption } from '../common/errors.js';
import type { PreforkOptions } from '../types.js';
import { checkMilliseconds, checkString } from './check.js';
import { checkMasterDeath, HOOKS } from './hooks.js';
import { callable, count, flag, milliseconds, oneOf, optional, required, text } from './kinds.js';
import { LAUNCH } from './launch.js';
import { parseListen } from './listen.js';
import { checkLogger } from './logger.js';
import { checkMetrics } from './metrics.js';
import type { Option } from './option.js';
import { RECOVERY } from './recovery.js';
import { checkRecycle } from './recycle.js';
import { checkServe } from './serve.js';
import { absoluteFiles, checkTls } from './tls.js';

/** Shorter than a garbage collection may take is no sign of anything. */
const LIVENESS_MIN_MS = 100;

export const OPTIONS = {
  serve: required(checkServe),
  listen: required((_option, value) => parseListen(value)),
  /** `undefined`: the number of the fleet. A wrong kind of fleet is reported before a wrong name. */
  name: { ...optional(checkFleetName), after: ['workers', 'sharing', 'readiness'] },
  /** `undefined`: as many as there are CPUs. */
  workers: count({ least: 1, most: 65_535, otherwise: undefined }),
  sharing: oneOf(['shared', 'sharded', 'reuseport'], 'shared'),
  tls: optional((_option, value) => absoluteFiles(checkTls(value))),
  ...RECOVERY,
  readiness: oneOf(['listening', 'spawn'], 'listening'),
  readyTimeout: milliseconds({ least: 1, otherwise: 30_000 }),
  /** `0`: a worker that is ready has stayed. */
  readyFor: milliseconds({ least: 0, otherwise: 1_000 }),
  shutdownGracePeriod: milliseconds({ least: 0, otherwise: 5_000 }),
  /** `0`: at once. */
  drainDelay: milliseconds({ least: 0, otherwise: 0 }),
  maxSurge: count({ least: 1, most: 65_535, otherwise: 1 }),
  drainTimeout: milliseconds({ least: 0, otherwise: 30_000 }),
  /** `Infinity`: as many as there are. */
  maxDraining: count({ least: 1, most: 65_535, orInfinity: true, otherwise: Number.POSITIVE_INFINITY }),
  /** `undefined`: until the deadline. */
  exitAfterDrain: optional(checkExitAfterDrain),
  /** `undefined`: the master does not watch the event loops. */
  livenessTimeout: { ...milliseconds({ least: LIVENESS_MIN_MS, otherwise: undefined }), after: ['recycle'] },
  recycle: optional(checkRecycle),
  ...HOOKS,
  onMasterDeath: optional(checkMasterDeath),
  commandProducer: callable<PreforkOptions['commandProducer']>(),
  /** `undefined`: the built-in stderr lines; `false`: silence. */
  logger: optional(checkLogger),
  logFormat: oneOf(['text', 'json'], 'text'),
  signals: flag(true),
  scoreboard: flag(true),
  pidFile: text('the path of a file'),
  /** `undefined`: no endpoint. */
  metrics: optional(checkMetrics),
  /** node:cluster shows the fleet. */
  cluster: flag(false),
  /** `undefined`: none. `true`: where the commands look for it by the name of the fleet. */
  admin: optional(checkAdmin),
  ...LAUNCH,
} satisfies Record<keyof PreforkOptions, Option<unknown>>;

/** Travels in an environment variable and stands in every log line. */
function checkFleetName(option: string, value: unknown): string {
  const allowed = '1 to 255 characters, none of them a control character';
  const name = checkString(option, value, allowed);
  if (name.length > 255 || /\p{Cc}/u.test(name)) throw invalidOption(option, name, allowed, { range: true });
  return name;
}

function checkAdmin(option: string, value: unknown): string | true | undefined {
  if (typeof value === 'boolean') return value || undefined;
  return checkString(option, value, 'true, or the path of a socket');
}

function checkExitAfterDrain(option: string, value: unknown): number | undefined {
  if (value === false) return undefined;
  return value === true ? 0 : checkMilliseconds(option, value, 0);
}
