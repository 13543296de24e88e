/** What a worker accepts from, and how it leaves that to the others. Types only: each system has its own. */

import type { Server } from 'node:net';
import type { DescriptorRoom } from '../../addon/native.cjs';
import type { WorkerIdentity } from '../../boot/identity.cjs';
import type { Log } from '../../common/log.js';
import type { Sharing } from '../../types.js';

/** What one server accepts from. */
export interface AcceptLine {
  /** Stops accepting; what comes waits in the kernel's queue. */
  leave(): void;
  enter(): void;
  /** The listener is closed, or is left as it is. */
  close(): void;
}

export interface AcceptLines {
  /**
   * Of a server that listens; `undefined` where the system cannot do it.
   * @param closes Called when the descriptor of the server is about to be closed, and has to close the line.
   */
  of(server: Server, closes: () => void): AcceptLine | undefined;
  /** Looks at every queue: perhaps the worker that was woken for what is there does not come. */
  look(): void;
}

export interface AcceptLinesContext {
  /** Connections that are open, and how many there ever were; both wrap. The counter of connections writes them. */
  readonly counts: Uint32Array;
  /** What the worker shares with those that stand in line with it; `undefined`: it does not stand in line. */
  readonly board: WorkerIdentity['board'];
  readonly sharing: Sharing;
  readonly log: Pick<Log, 'warn'>;
  /** Descriptors have become short, and all lines were left; or there is room again. */
  room(room: DescriptorRoom): void;
}
