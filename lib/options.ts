/** Defaults and validation. Pure: no file, socket or environment is touched here. */

import type { Server } from 'node:net';
import type { Logger, PreforkOptions, Serve, Sharing, TlsOptions } from './types.js';

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
    | { readonly kind: 'backoff'; readonly initial: number; readonly max: number; readonly factor: number; readonly jitter: number };
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
  readonly gracePeriod: number;
  readonly hooks: Hooks;
  readonly onMasterDeath: PreforkOptions['onMasterDeath'];
  readonly commandProducer: PreforkOptions['commandProducer'];
  /** `undefined`: the built-in stderr lines; `false`: silence. */
  readonly logger: Logger | false | undefined;
  readonly signals: boolean;
  readonly launch: LaunchSettings;
}

/**
 * Checks every option and fills in the defaults.
 * @param defaultName Fleet name when the caller gave none.
 * @throws TypeError or RangeError with `ERR_PREFORK_INVALID_OPTION`, naming the option, the value and what is allowed.
 */
export declare function resolveOptions(options: PreforkOptions, defaultName: string): Settings;
