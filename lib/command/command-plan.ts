/** What the command line and the configuration file come to, for the part of the command that runs the fleet. Types only. */

import type { HeadStart } from '../system/posix/head-start.js';
import type { PreforkOptions, ReloadResult } from '../types.js';

export interface CommandPlan {
  /** What remains of PreforkOptions. `resolveOptions` checks them later. `listen` only when --listen or the configuration file gave it. */
  readonly options: Partial<Omit<PreforkOptions, 'serve'>>;
  /** Absolute path of the program. */
  readonly script: string;
  readonly args: readonly string[];
  /** Flags of node for workers, in addition to those of the command's own process: --import, --require, --node-options, --env-file. */
  readonly execArgv: readonly string[];
  readonly waitReady: boolean;
}

/** The fleet that the command runs, as `--watch` needs it. */
export interface RunningFleet {
  reload(): Promise<ReloadResult>;
  stop(): Promise<void>;
}

/**
 * Settles when the fleet is over.
 * @param started Called once, as soon as the fleet exists and before its first worker is spawned: from then on the master logs by itself what
 * ends the fleet, and the command does not print it a second time.
 * @param headStart A process for the first worker, if it has one already.
 */
export type RunCommand = (
  plan: CommandPlan,
  started?: (fleet: RunningFleet) => void,
  headStart?: HeadStart,
) => Promise<void>;
