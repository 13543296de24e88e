/** The master of a program that knows nothing of prefork, in the foreground: the process of the command itself. */

import { PreforkError } from '../common/errors.js';
import { Master } from '../master/master.js';
import { PosixSystem } from '../system/posix/posix-system.js';
import type { PreforkOptions, ReloadResult } from '../types.js';
import { resolveHosted } from './settings.js';

/** What the command line and the configuration file come to. */
export interface CommandPlan {
  /** Never `serve`; `listen` only when it was given. */
  readonly options: Partial<Omit<PreforkOptions, 'serve'>>;
  /** Absolute path of the program. */
  readonly script: string;
  readonly args: readonly string[];
  /** Flags of node for workers, in addition to those of the command's own process. */
  readonly execArgv: readonly string[];
  readonly waitReady: boolean;
}

/** What others do with the fleet while it runs. */
export interface RunningFleet {
  reload(): Promise<ReloadResult>;
  stop(): Promise<void>;
}

/**
 * Settles when the fleet is over: fulfilled after a requested stop.
 * @param started Called when every worker is ready.
 * @throws what ended the fleet, which the log has by then; what `resolveOptions` throws; `ERR_PREFORK_UNSUPPORTED`.
 */
export async function runCommand(plan: CommandPlan, started?: (fleet: RunningFleet) => void): Promise<void> {
  if (process.platform !== 'linux') {
    throw new PreforkError(
      'ERR_PREFORK_UNSUPPORTED',
      `The command runs on Linux; this is ${process.platform}. prefork() works here: call it in the program`,
    );
  }
  const { options, script, args, execArgv, waitReady } = plan;
  const settings = resolveHosted(options, { waitReady }, '0');
  // From here on this process passes for one that runs the program: that is what workers are started as.
  process.argv = [process.execPath, script, ...args];
  process.execArgv.push(...execArgv);
  const ignore = (): void => {};
  const master = new Master(settings, new PosixSystem(), {
    ...{ spawn: ignore, ready: ignore, exit: ignore, recover: ignore, reload: ignore, message: ignore, stop: ignore },
  });
  const { finished } = master;
  // What start() rejects with, `finished` rejects with too.
  await Promise.race([master.start().catch(() => {}), finished.catch(() => {})]);
  if (!master.ending) started?.({ reload: () => master.reload(), stop: () => master.stop() });
  await finished;
}
