/** What the options come to: every default filled in, every value checked. Types only: `resolve.ts` makes them. */

import type { Server } from 'node:net';
import type { Logger, PreforkOptions, Serve, Sharing, TlsOptions } from '../types.js';

/** A TCP address that was asked for; the host name is not resolved yet. */
export interface TcpPlan {
  readonly kind: 'tcp';
  readonly name: string;
  /** `undefined`: every address. */
  readonly host: string | undefined;
  readonly port: number;
  readonly network: 'tcp' | 'tcp4' | 'tcp6';
  readonly ipv6Only: boolean;
  readonly backlog: number;
}

/** A unix socket that was asked for. */
export interface UnixPlan {
  readonly kind: 'unix';
  readonly name: string;
  readonly path: string;
  readonly mode: number | undefined;
  readonly backlog: number;
}

export type ListenPlan = TcpPlan | UnixPlan;

/** When a slot is recovered, and when the fleet gives up. */
export interface RecoverySettings {
  readonly threshold: number;
  /** Milliseconds. */
  readonly window: number;
  /** `fixed`: the same delay before every recovery, the first one included. */
  readonly interval:
    | { readonly kind: 'fixed'; readonly delay: number }
    | {
        readonly kind: 'backoff';
        readonly initial: number;
        readonly max: number;
        readonly factor: number;
        readonly jitter: number;
      };
}

/** How a worker process is started. */
export interface LaunchSettings {
  readonly exec: string | undefined;
  readonly args: readonly string[] | undefined;
  readonly execArgv: readonly string[] | undefined;
  readonly cwd: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>> | undefined;
  /** Descriptors 0-2, always three. */
  readonly stdio: readonly ('inherit' | 'ignore' | 'pipe' | number)[];
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly groups: readonly number[] | undefined;
  /** The master may want to ask for the JavaScript stack of the worker. */
  readonly inspectable: boolean;
}

export type Hooks = Pick<PreforkOptions, 'onChildSpawn' | 'onMasterReady' | 'onChildRecover' | 'onChildExit'>;

/** {@link PreforkOptions} with every default filled in and every value checked. */
export interface Settings {
  readonly name: string;
  readonly serve: Serve | Server;
  readonly listen: readonly ListenPlan[];
  readonly workers: number;
  readonly sharing: Sharing;
  readonly tls: TlsOptions | undefined;
  readonly recovery: RecoverySettings;
  readonly readiness: 'listening' | 'spawn';
  readonly readyTimeout: number;
  /** `0`: who is ready has stayed. */
  readonly readyFor: number;
  readonly gracePeriod: number;
  readonly maxSurge: number;
  readonly drainTimeout: number;
  /** `Infinity`: as many as there are. */
  readonly maxDraining: number;
  /** `undefined`: until the deadline. */
  readonly exitAfterDrain: number | undefined;
  /** `undefined`: the master does not watch the event loops. */
  readonly livenessTimeout: number | undefined;
  readonly recycle: RecycleSettings | undefined;
  readonly hooks: Hooks;
  readonly onMasterDeath: PreforkOptions['onMasterDeath'];
  readonly commandProducer: PreforkOptions['commandProducer'];
  /** `undefined`: the built-in stderr lines; `false`: silence. */
  readonly logger: Logger | false | undefined;
  readonly signals: boolean;
  readonly launch: LaunchSettings;
}

/** At least one limit is given. */
export interface RecycleSettings {
  /** Milliseconds. */
  readonly maxAge: number | undefined;
  readonly maxRequests: number | undefined;
  /** Bytes. */
  readonly maxRss: number | undefined;
  /** By what share of itself a limit is lowered at most. */
  readonly jitter: number;
}
