/** How the program of a worker comes to serve, and how it ends: by prefork(), or without knowing of it. */

import type { Server } from 'node:net';
import type { Log } from '../common/log.js';
import type { DrainReason, WireListener } from '../protocol/protocol.cjs';
import type { Admission } from './accepting/admission.js';
import type { AdoptionsContext, AskedServers } from './accepting/adoptions.js';
import type { AfterDrain } from './after-drain.js';
import type { Context, Material } from './context.js';
import type { Drain } from './drain/drain.js';

/** What a worker gives its program to boot with. */
export interface Boot {
  readonly context: Context;
  readonly wires: readonly WireListener[];
  readonly tls: Material | undefined;
  readonly drain: Drain;
  readonly admission: Admission;
  readonly log: Log;
  /** Settles when the program says that it is ready. */
  readonly calledReady: Promise<void>;
  /** False when the worker drains before it was ready. */
  booting(): boolean;
  /** A server of the program: what it accepts is drained. Idempotent. */
  track(server: Server): void;
  /** `'sharded'`: accepts for other slots, with these servers by listener. */
  adopt(servers: AdoptionsContext['servers'], asked?: AskedServers): Promise<void>;
}

export interface Service {
  /** Settles when the program serves. What it throws fails the boot. */
  serve(boot: Boot): Promise<void>;
  /** The worker begins to drain; said again when a replacement becomes a stop. */
  departs?(reason: DrainReason): void;
  /** The last connection has ended. */
  leave(end: AfterDrain): void;
  /** The program hears of the drain by itself. Otherwise a handler of SIGTERM that it has is worth a hint. */
  readonly hearsOfDrain: boolean;
  /** SIGTERM does what the program, or Node, makes of it; otherwise the worker drains. */
  readonly ownsSignals?: boolean;
  /** Whether the process may end by itself, as the program would without a master. */
  readonly mayEnd: boolean;
}
