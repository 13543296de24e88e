/**
 * In a worker: a server that has `maxConnections` of them stops accepting instead of dropping the next one. What comes waits in the
 * kernel's queue, for another worker or for a place here, as it waits in the primary of node:cluster.
 */

import type { Server, Socket } from 'node:net';
import type { AcceptLine } from './accept-lines.js';

export interface PlacesContext {
  /** Of a server that listens. `closes` is called when that is about to end. */
  line(server: Server, closes: () => void): AcceptLine | undefined;
  /** Connections of a server that are open, wherever they were accepted. */
  count(server: Server): number;
  /** Whether a server that has a TCP listener is full; called when that changes. */
  full(any: boolean): void;
}

/** The fields of a server that decide; @types/node does not know that there may be none. */
interface Limited {
  readonly maxConnections?: number | null;
  /** Node 22.12, 23.1 and later: the app wants them closed. */
  readonly dropMaxConnection?: boolean;
}

interface Desk {
  /** By who accepts: the server itself, and helpers that accept for it. */
  readonly lines: Map<Server, AcceptLine>;
  full: boolean;
  tcp: boolean;
}

export class Places {
  readonly #context: PlacesContext;
  readonly #desks = new Map<Server, Desk>();
  #reported = false;
  #closed = false;

  constructor(context: PlacesContext) {
    this.#context = context;
  }

  /** A server of the app, which its own connections and those of its helpers fill. */
  track(server: Server): void {
    if (this.#desks.has(server)) return;
    const desk = { lines: new Map(), full: false, tcp: false };
    this.#desks.set(server, desk);
    for (const name of ['maxConnections', 'dropMaxConnection']) onChange(server, name, () => this.review(server));
    this.#follow(server, desk, server);
  }

  trackHelper(helper: Server, server: Server): void {
    const desk = this.#desks.get(server);
    if (desk !== undefined) this.#follow(helper, desk, server);
  }

  #follow(acceptor: Server, desk: Desk, server: Server): void {
    const { lines } = desk;
    const leave = (): void => {
      lines.get(acceptor)?.close();
      lines.delete(acceptor);
    };
    const join = (): void => {
      leave();
      const line = this.#closed ? undefined : this.#context.line(acceptor, leave);
      if (line === undefined) return;
      lines.set(acceptor, line);
      const address = acceptor.address();
      desk.tcp ||= typeof address === 'object' && address !== null;
      if (desk.full) line.leave();
      else this.review(server);
    };
    acceptor.on('listening', join);
    acceptor.on('close', leave);
    if (acceptor.listening) join();
  }

  /** A connection of the server came or went. */
  review(server: Server): void {
    const desk = this.#desks.get(server);
    if (desk === undefined || this.#closed) return;
    const { maxConnections, dropMaxConnection } = server as Limited;
    // Without a limit the count is not worth the question. 0 is a limit.
    const full =
      maxConnections !== undefined &&
      maxConnections !== null &&
      this.#context.count(server) >= maxConnections &&
      dropMaxConnection !== true &&
      desk.lines.size > 0;
    if (full === desk.full) return;
    desk.full = full;
    for (const line of desk.lines.values()) {
      if (full) line.leave();
      else line.enter();
    }
    this.#report();
  }

  /** Whether a connection for the server would have a place. */
  has(server: Server): boolean {
    return this.#desks.get(server)?.full !== true;
  }

  /** Whether a server is full of connections that may end. */
  get full(): boolean {
    for (const [server, { full }] of this.#desks) if (full && this.#context.count(server) > 0) return true;
    return false;
  }

  #report(): void {
    const any = [...this.#desks.values()].some(({ full, tcp }) => full && tcp);
    if (any === this.#reported) return;
    this.#reported = any;
    this.#context.full(any);
  }

  /**
   * A helper has accepted for the server. With a line to leave that is always right: several queues may each give a connection in the
   * turn in which the last place is taken, and then the server has one more for each instead of closing them.
   */
  admit(server: Server, socket: Socket): void {
    const { maxConnections, dropMaxConnection } = server as Limited;
    const waits = dropMaxConnection !== true && (this.#desks.get(server)?.lines.size ?? 0) > 0;
    if (waits || this.#context.count(server) < (maxConnections ?? Number.POSITIVE_INFINITY)) {
      server.emit('connection', socket);
      return;
    }
    // As Node does it.
    const { localAddress, localPort, localFamily, remoteAddress, remotePort, remoteFamily } = socket;
    socket.destroy();
    server.emit('drop', { localAddress, localPort, localFamily, remoteAddress, remotePort, remoteFamily });
  }

  /** The worker drains: who has left stays away. */
  close(): void {
    this.#closed = true;
    for (const { lines } of this.#desks.values()) {
      for (const line of lines.values()) line.close();
      lines.clear();
    }
  }
}

/** Calls back whenever the field is set. A class that has accessors of its own for it keeps them, and is looked at with the next connection. */
function onChange(server: Server, name: string, changed: () => void): void {
  for (let owner: object | null = server; owner !== null; owner = Object.getPrototypeOf(owner)) {
    const found = Object.getOwnPropertyDescriptor(owner, name);
    if (found?.get !== undefined || found?.configurable === false) return;
  }
  if (!Object.isExtensible(server)) return;
  let value: unknown = Reflect.get(server, name);
  Object.defineProperty(server, name, {
    configurable: true,
    enumerable: true,
    get: () => value,
    set: (next: unknown) => {
      value = next;
      changed();
    },
  });
}
