/** A listening socket, or a group of them, that the master holds. */

import type { WireListener } from '../protocol/protocol.cjs';
import type { ListenerAddress } from '../types.js';
import type { SlotSockets } from './slot-sockets.js';

/** A listener that the master owns until no worker of a fleet that stops accepts any more. */
export interface OpenListener {
  /** Host name resolved, port 0 replaced by the real one. */
  readonly address: ListenerAddress;
  /** The descriptor that all workers inherit; `null` when every worker has a socket of its own (TCP, not `'shared'`). */
  readonly fd: number | null;
  /** `'sharded'`: the sockets of the slots. */
  readonly shards?: SlotSockets;
  /** Opened by the service manager, which goes on holding it when the fleet has stopped. */
  readonly foreign?: true;
  /** The service manager is to keep it for the next master, as long as the fleet does not stop; `adopted`: it did so for this one. */
  readonly kept?: 'new' | 'adopted';
  /** Of one that is {@link kept}: as the next master is to find it. */
  readonly storedAs?: string | undefined;
  /** A unix socket: device and number of the file that leads to it. */
  readonly file?: string;
  /** The description that a worker gets, but for its descriptor number. */
  readonly wire: Omit<WireListener, 'fd'>;
  /**
   * What the worker that is about to be started gets, where that may be another socket than its predecessor's. Looks whether the path
   * still leads here.
   */
  lease?(generation: number): Lease;
  /** Where the sockets change: they are watched from now on, until they are closed. Otherwise {@link fd} is all there is. */
  watchBy?(watch: SocketWatch): void;
  /** Closes the socket or guard; removes the file of a unix socket if it is still our own. Idempotent; never throws. */
  close(): void;
}

/** Looks at sockets for as long as they are open. */
export interface SocketWatch {
  add(fd: number): void;
  remove(fd: number): void;
}

/** A listener as one worker has it. */
export interface Lease {
  readonly listener: OpenListener;
  /** The worker serves. */
  serves(): void;
  /** Whether the path leads to another socket by now: who is in the queue of this one has only the workers that have it. */
  superseded(): boolean;
  /** The worker is gone, or never came to be. Once. */
  release(): void;
}

/** In reverse order. Never throws: what goes wrong is logged by the listener. */
export function closeListeners(listeners: readonly OpenListener[]): void {
  for (const listener of listeners.toReversed()) listener.close();
}
