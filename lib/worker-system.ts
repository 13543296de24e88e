/**
 * The seam to the operating system inside a worker, as host.ts is in the master: how it hears of its master, gets its listeners and
 * accepts.
 */

import type { Server } from 'node:net';
import type { Adoptions, AdoptionsContext } from './adoptions.js';
import type { BootSystem } from './boot.cjs';
import type { Channel, ChannelEvents } from './channel.js';
import type { WorkerIdentity } from './identity.cjs';
import type { AcceptQueues } from './last-call.js';
import type { DescriptorRoom } from './native.cjs';
import type { MasterMessage, WireListener, WorkerMessage } from './protocol.cjs';
import type { Activity } from './quiet.js';
import type { Listener, Logger, Sharing } from './types.js';

export type WorkerChannel = Channel<MasterMessage, WorkerMessage>;

/** What one server accepts from. */
export interface AcceptLine {
  /** Stops accepting; what comes waits in the kernel's queue. */
  leave(): void;
  enter(): void;
  /** The listener is closed, or is left as it is. */
  close(): void;
}

export interface AcceptLines {
  /** Of a server that listens; `undefined` where the system cannot do it. To be closed once. */
  of(server: Server): AcceptLine | undefined;
  /** Looks at every queue: perhaps the worker that was woken for what is there does not come. */
  look(): void;
}

export interface AcceptLinesContext {
  /** Connections that are open, and how many there ever were; both wrap. Whoever counts writes them. */
  readonly counts: Uint32Array;
  /** What the worker shares with those that stand in line with it; `undefined`: it does not stand in line. */
  readonly board: WorkerIdentity['board'];
  readonly sharing: Sharing;
  readonly log: Pick<Logger, 'warn'>;
  /** Descriptors have become short, and all lines were left; or there is room again. */
  room(room: DescriptorRoom): void;
}

export interface WorkerSystem extends AcceptQueues {
  readonly boot: BootSystem;
  readonly activity: Activity;
  /** `undefined` when the master gave no channel, or something else is behind the number. */
  openChannel(identity: WorkerIdentity, events: ChannelEvents<MasterMessage>): WorkerChannel | undefined;
  /**
   * Every listener of a worker, in order: checks what the master gave, binds what this worker binds itself.
   * @throws PreforkError `ERR_PREFORK_INHERITED_LISTENER` when one is not the listening socket that was promised.
   */
  adopt(wires: readonly WireListener[]): readonly Listener[];
  /** To be called when the servers listen, which may have changed the backlog for everybody. */
  restoreBacklogs(listeners: readonly Listener[], wires: readonly WireListener[], log: Logger): void;
  /**
   * The fleet is over: lets nobody in any more through the sockets that this worker bound itself, or, without a master, through any.
   * @returns Whether nobody can connect to them any more.
   */
  seal(which: 'bound' | 'all'): boolean;
  /** Once. */
  acceptLines(context: AcceptLinesContext): AcceptLines;
  /** `'sharded'`: accepts for other slots. */
  adoptions(context: Omit<AdoptionsContext, 'native'>): Promise<Adoptions>;
}
