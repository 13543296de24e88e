/** Runs the fleet of a plan: the program's own `listen()` is answered with sockets of the master. */

import type { CommandPlan, RunningFleet } from './command-plan.js';

/** See {@link import('./command-plan.js').RunCommand}. */
export async function runCommand(_plan: CommandPlan, _started?: (fleet: RunningFleet) => void): Promise<void> {
  throw new Error('not built yet');
}
