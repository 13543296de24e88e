/**
 * What is said at the admin door: one JSON object a line, in both directions. docs/guide/operate.md describes it for other programs.
 * Constants and types only: the master and `prefork status` each have their own copy, because neither loads the other's files.
 */

import type { FleetReading, ReloadResult, Status, WorkerStatus } from '../types.js';

/** Of requests and answers. A field may be added at any time; another meaning makes another version. */
export const ADMIN_VERSION = 1;

/** `{ "v": 1, "id": 7, "method": "scale", "params": { "workers": 4 } }` */
export interface AdminRequest {
  readonly v: typeof ADMIN_VERSION;
  /** Stands in the answer. Default: `null`. */
  readonly id?: number | string | undefined;
  readonly method: string;
  readonly params?: Readonly<Record<string, unknown>> | undefined;
}

export type AdminAnswer = { readonly v: number; readonly id: number | string | null } & (
  | { readonly result: unknown }
  | { readonly error: AdminError }
);

/** How a worker ended that the error is about. */
export interface AdminExit {
  readonly slot: number;
  readonly pid: number;
  readonly generation: number;
  readonly code: number | null;
  readonly signal: string | null;
  readonly uptime: number;
  readonly stderr: string;
}

export interface AdminError {
  /** Stable: a code of the package, of Node, or one of {@link AdminErrorCode}. */
  readonly code: string;
  readonly message: string;
  readonly exits?: readonly AdminExit[];
}

/** Of requests that cannot be understood. */
export type AdminErrorCode =
  | 'ERR_PREFORK_ADMIN_REQUEST'
  | 'ERR_PREFORK_ADMIN_VERSION'
  | 'ERR_PREFORK_ADMIN_METHOD'
  | 'ERR_PREFORK_ADMIN_PARAMS'
  | 'ERR_PREFORK_ADMIN_BUSY';

/** Answer to `status`. */
export interface AdminStatus extends Omit<Status, 'workers'> {
  readonly name: string;
  /** Milliseconds since the master opened its door. */
  readonly uptime: number;
  readonly workers: readonly AdminWorker[];
  /** What `metrics()` reads. */
  readonly metrics: FleetReading;
}

export interface AdminWorker extends Omit<WorkerStatus, 'startedAt' | 'readyAt'> {
  /** ISO 8601. */
  readonly startedAt: string;
  readonly readyAt?: string;
}

/** Answer to `reload`. */
export interface AdminReload extends Omit<ReloadResult, 'error'> {
  readonly error?: AdminError;
  /** Those that serve after it. */
  readonly workers: readonly AdminWorker[];
}

/** Answer to `scale`. */
export interface AdminScale {
  readonly from: number;
  readonly to: number;
}

/** Answer to `stop`, when the last worker is gone and every listener is closed. */
export interface AdminStop {
  readonly stopped: true;
  /** Of the master. */
  readonly pid: number;
  /** What ended the fleet, when that was not this request or a signal. */
  readonly error?: AdminError;
}
