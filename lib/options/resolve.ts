/** Checks the options of a fleet, and groups them as the master reads them. `prefork.ts` calls it. */

import type { PreforkOptions } from '../types.js';
import { checkObject } from './check.js';
import { refuseConflicts } from './conflicts.js';
import { defaultWorkers } from './default-workers.js';
import { hints } from './hints.js';
import { HOOKS } from './hooks.js';
import { LAUNCH } from './launch.js';
import { omit, pick, settle } from './option.js';
import { RECOVERY, recoverySettings } from './recovery.js';
import type { LaunchSettings, ListenPlan, Settings } from './settings.js';
import { OPTIONS } from './table.js';

/** Options that are not at the top of {@link Settings}. */
const GROUPED = { ...RECOVERY, ...HOOKS, ...LAUNCH };

/**
 * Checks every option and fills in the defaults. Pure but for two things: how many workers the machine has CPUs for, and where relative paths
 * begin.
 * @param defaultName Fleet name when the caller gave none.
 * @param workersHere Default number of workers.
 * @throws TypeError or RangeError with `ERR_PREFORK_INVALID_OPTION`, naming the option, the value and what is allowed.
 */
export function resolveOptions(
  options: PreforkOptions,
  defaultName: string,
  workersHere: () => number = defaultWorkers,
): Settings {
  const values = settle(OPTIONS, '', checkObject('options', options, 'an object with serve and listen'), hints);
  const {
    shutdownGracePeriod: gracePeriod,
    name = defaultName,
    workers = workersHere(),
    ...others
  } = omit(values, GROUPED);
  const settings: Settings = {
    ...others,
    name,
    workers,
    listen: others.listen.map((plan) => ofWorkersUser(plan, values)),
    recovery: recoverySettings(values, workers),
    gracePeriod,
    hooks: pick(values, HOOKS),
    launch: {
      ...pick(values, LAUNCH),
      // Only what passes through the master can get a prefix.
      ...(values.linePrefix !== undefined && options.stdio === undefined && { stdio: ['ignore', 'pipe', 'pipe'] }),
      inspectable: values.livenessTimeout !== undefined,
      byActivation: values.readiness === 'spawn',
    },
  };
  refuseConflicts(settings);
  return settings;
}

/** The workers, and a proxy that runs as the same user, must be able to connect to a unix socket. */
function ofWorkersUser(plan: ListenPlan, { uid, gid }: Pick<LaunchSettings, 'uid' | 'gid'>): ListenPlan {
  if (plan.kind !== 'unix') return plan;
  return { ...plan, owner: plan.owner ?? uid, group: plan.group ?? gid };
}
