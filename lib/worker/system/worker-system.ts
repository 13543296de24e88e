/**
 * The seam to the operating system inside a worker, as system.ts is in the master: how it hears of its master, gets its listeners and
 * accepts.
 */

import type { BoardPlace } from '../../addon/native.cjs';
import type { BootSystem } from '../../boot/boot.cjs';
import type { WorkerIdentity } from '../../boot/identity.cjs';
import type { Log } from '../../common/log.js';
import type { Channel, ChannelEvents } from '../../protocol/channel.js';
import type { MasterMessage, WireListener, WorkerMessage } from '../../protocol/protocol.cjs';
import type { Listener } from '../../types.js';
import type { AcceptLines, AcceptLinesContext } from '../accepting/accept-lines.js';
import type { Adoptions, AdoptionsContext } from '../accepting/adoptions.js';
import type { AcceptQueues } from '../drain/last-call.js';
import type { Activity } from '../drain/quiet.js';

export type WorkerChannel = Channel<MasterMessage, WorkerMessage>;

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
  /**
   * A listener that a hosted program has asked for.
   * @param received Its descriptor; `undefined`: this worker binds its own.
   * @returns the descriptor to listen on.
   * @throws as {@link adopt}, or what the kernel says.
   */
  adoptLate?(wire: WireListener, received: number | undefined): number;
  /** The program has closed it. */
  forget?(fd: number): void;
  /** To be called when the servers listen, which may have changed the backlog for everybody. */
  restoreBacklogs(listeners: readonly Listener[], wires: readonly WireListener[], log: Log): void;
  /** `'sharded'`: this worker serves, and goes on when its master, which would let clients to its sockets, has died. */
  hear?(): void;
  /**
   * The fleet is over: refuses new connections on the sockets that this worker bound itself, or, without a master, on all.
   * @returns Whether they refuse new connections now.
   */
  seal(which: 'bound' | 'all'): boolean;
  /** The line of this worker in the scoreboard; closes the descriptor. Throws what the kernel says. */
  openScoreboard?(place: BoardPlace): ArrayBuffer;
  /** Writes what the line has of the event loop, before every poll. Once; false: it cannot. */
  timeTurns?(line: Float64Array): boolean;
  /** Once. */
  acceptLines(context: AcceptLinesContext): AcceptLines;
  /** `'sharded'`: accepts for other slots. */
  adoptions(context: Omit<AdoptionsContext, 'native'>): Promise<Adoptions>;
}
