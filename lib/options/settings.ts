/** What the options come to: every default filled in, every value checked. Types only: `resolve.ts` makes them. */

import type { PreforkOptions } from '../types.js';
import type { HOOKS } from './hooks.js';
import type { LAUNCH } from './launch.js';
import type { Settled } from './option.js';
import type { RECOVERY, RecoverySettings } from './recovery.js';
import type { OPTIONS } from './table.js';

export type { BoundPlan, InheritedPlan, ListenPlan, TcpPlan, UnixPlan } from './listen.js';
export type { RecoverySettings } from './recovery.js';
export type { RecycleSettings } from './recycle.js';

/** How a worker process is started. */
export interface LaunchSettings extends Settled<typeof LAUNCH> {
  /** The master may want to ask for the JavaScript stack of the worker. */
  readonly inspectable: boolean;
  /** The worker speaks no control channel, and finds its listeners as sd_listen_fds(3) says. */
  readonly byActivation: boolean;
  /** The program knows nothing of prefork: what its workers go by, as JSON of `HostedProgram`. */
  readonly hosted?: string;
}

export type Hooks = Pick<PreforkOptions, keyof typeof HOOKS>;

/** Options that are not under their own names in {@link Settings}. */
type Elsewhere = keyof typeof RECOVERY | keyof typeof HOOKS | keyof typeof LAUNCH | 'shutdownGracePeriod';

/** {@link PreforkOptions} with every default filled in and every value checked. */
export interface Settings extends Omit<Settled<typeof OPTIONS>, Elsewhere> {
  readonly name: string;
  readonly workers: number;
  readonly recovery: RecoverySettings;
  readonly gracePeriod: number;
  readonly hooks: Hooks;
  readonly launch: LaunchSettings;
}
