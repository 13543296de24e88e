/** In a worker: whether it accepts. It has places for connections and descriptors for them, or leaves them to others. */

import type { Server, Socket } from 'node:net';
import type { WorkerIdentity } from '../../boot/identity.cjs';
import type { Log } from '../../common/log.js';
import type { WorkerMessage } from '../../protocol/protocol.cjs';
import type { Sharing } from '../../types.js';
import type { Drain } from '../drain/drain.js';
import type { AcceptLines, AcceptLinesContext } from './accept-lines.js';
import { Places } from './places.js';
import { Shortage } from './shortage.js';

/**
 * A worker that has been full for so many milliseconds says so to the master: connections come and go, and each time all workers would be
 * handed its queue.
 */
const FULL_FOR = 50;

export interface AdmissionContext {
  readonly system: { acceptLines(context: AcceptLinesContext): AcceptLines };
  readonly drain: Pick<Drain, 'connections' | 'connectionsOf'>;
  readonly log: Log;
  readonly sharing: Sharing;
  readonly board: WorkerIdentity['board'];
  send(message: WorkerMessage): void;
  /** Asks for a successor. */
  succeed(reason: string): void;
}

const MEANWHILE: Readonly<Record<Sharing, string>> = {
  shared: 'and leaves the queue to the other workers',
  sharded: 'and leaves its queue to the other workers',
  reuseport: 'and what comes to its socket waits',
};

export class Admission {
  readonly #context: AdmissionContext;
  readonly #shortage: Shortage;
  readonly #places: Places;
  /** Connections that are open, and how many there ever were. */
  readonly #counts = new Uint32Array(new SharedArrayBuffer(8));
  #lines: AcceptLines | undefined;
  #full = false;
  #short = false;
  /** What the master knows. */
  #accepts = true;
  #ready = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(context: AdmissionContext) {
    this.#context = context;
    const { drain, log, sharing } = context;
    this.#shortage = new Shortage({
      log,
      meanwhile: MEANWHILE[sharing],
      connections: () => drain.connections,
      succeed: (reason) => context.succeed(reason),
    });
    this.#places = new Places({
      // Not before something listens.
      line: (server, closes) => this.#open().of(server, closes),
      count: (server) => drain.connectionsOf(server),
      full: (any) => {
        this.#full = any;
        this.#review();
      },
    });
  }

  #open(): AcceptLines {
    const { system, board, sharing, log } = this.#context;
    this.#lines ??= system.acceptLines({
      counts: this.#counts,
      board,
      sharing,
      log,
      room: (room) => {
        this.#short = room.short;
        this.#shortage.changed(room);
        this.#review();
      },
    });
    return this.#lines;
  }

  /** A server of the app. */
  track(server: Server): void {
    this.#places.track(server);
  }

  /** A helper that accepts for a tracked server, and hands it over by {@link Admission.admit}. */
  trackHelper(helper: Server, server: Server): void {
    this.#places.trackHelper(helper, server);
  }

  admit(server: Server, socket: Socket): void {
    this.#places.admit(server, socket);
  }

  /** Whether a helper for the server may begin to listen: what libuv has not watched once cannot be left. */
  accepts(server: Server): boolean {
    return !this.#short && this.#places.has(server);
  }

  /** Whether it leaves what waits in its queues until a connection has ended. */
  get full(): boolean {
    return this.#places.full || (this.#short && this.#context.drain.connections > 0);
  }

  /** A connection of the server came or went. */
  counted(server: Server, change: 1 | -1): void {
    const counts = this.#counts;
    counts[0] = (counts[0] as number) + change;
    if (change > 0) counts[1] = (counts[1] as number) + 1;
    this.#places.review(server);
  }

  /** A connection may be waiting for another worker, which does not come. */
  look(): void {
    this.#lines?.look();
  }

  /** The master may hear of it from now on. */
  ready(): void {
    this.#ready = true;
    this.#review();
  }

  /** The worker drains, and accepts nothing any more. */
  close(): void {
    this.#ready = false;
    clearTimeout(this.#timer);
    this.#shortage.close();
    this.#places.close();
  }

  /** Where every queue is everybody's the kernel does the rest. */
  #review(): void {
    if (!this.#ready || this.#context.sharing !== 'sharded') return;
    clearTimeout(this.#timer);
    if (!this.#full && !this.#short) {
      if (!this.#accepts) this.#context.send({ type: 'resumed-accepting' });
      this.#accepts = true;
    } else if (this.#accepts) {
      this.#timer = setTimeout(() => {
        this.#accepts = false;
        this.#context.send({ type: 'paused-accepting' });
      }, FULL_FOR).unref();
    }
  }
}
