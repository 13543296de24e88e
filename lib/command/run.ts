/** The master of a program that knows nothing of prefork, in the foreground: the process of the command itself. */

import { PreforkError } from '../common/errors.js';
import { Master } from '../master/master.js';
import type { HeadStart } from '../system/posix/head-start.js';
import { PosixSystem } from '../system/posix/posix-system.js';
import type { CommandPlan, RunningFleet } from './command-plan.js';
import { resolveHosted } from './settings.js';

/**
 * See {@link import('./command-plan.js').RunCommand}.
 * @throws what ended the fleet, which the log has by then; what `resolveOptions` throws; `ERR_PREFORK_UNSUPPORTED`.
 */
export async function runCommand(
  plan: CommandPlan,
  started?: (fleet: RunningFleet) => void,
  headStart?: HeadStart,
): Promise<void> {
  if (process.platform === 'win32') {
    throw new PreforkError(
      'ERR_PREFORK_UNSUPPORTED',
      'The command runs on Linux and macOS, and this is Windows. prefork() works here: call it in the program',
    );
  }
  const { options, script, args, execArgv, waitReady } = plan;
  const settings = resolveHosted(options, { waitReady }, '0');
  // From here on this process passes for one that runs the program: that is what workers are started as.
  process.argv = [process.execPath, script, ...args];
  process.execArgv.push(...execArgv);
  const ignore = (): void => {};
  const master = new Master(settings, new PosixSystem(headStart), {
    ...{ spawn: ignore, ready: ignore, exit: ignore, recover: ignore, reload: ignore, message: ignore, stop: ignore },
  });
  started?.({ reload: () => master.reload(), stop: () => master.stop() });
  // What start() rejects with, `finished` rejects with too.
  master.start().catch(() => {});
  await master.finished;
}
