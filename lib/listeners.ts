/** Opens every address before any worker exists: activated by the service manager, bound here, or guarded for the workers. */

import type { NativeBinding } from './native.cjs';
import type { ListenPlan } from './options.js';
import type { WireListener } from './protocol.cjs';
import type { Logger, ListenerAddress, Sharing } from './types.js';

/** A listener that the master owns for its whole life. */
export interface OpenListener {
  /** Host name resolved, port 0 replaced by the real one. */
  readonly address: ListenerAddress;
  /** The descriptor that workers inherit; `null` when every worker binds its own socket (`'reuseport'`, TCP). */
  readonly fd: number | null;
  /** What a worker is told, but for its descriptor number. */
  readonly wire: Omit<WireListener, 'fd'>;
  /** Closes the socket or guard; removes the file of a unix socket if it is still our own. Idempotent. */
  close(): void;
}

export interface OpenListenersContext {
  readonly native: NativeBinding;
  readonly sharing: Sharing;
  readonly log: Logger;
  /** Read and cleaned of LISTEN_* here: workers and children must not see the master's copy. */
  readonly env: NodeJS.ProcessEnv;
  readonly pid: number;
}

/**
 * All or nothing: a failing address closes what was opened before it.
 * @throws the system error of the address that failed, with `syscall`, `address`, `port` or `path`.
 */
export declare function openListeners(plans: readonly ListenPlan[], context: OpenListenersContext): Promise<OpenListener[]>;
