/**
 * Stop accepting, finish what was accepted. Public Node API and diagnostics channels only.
 *
 * In the steady state a connection costs an entry in a list and a request one property on its socket; everything else happens
 * once the drain has begun.
 */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { Server } from 'node:net';
import { deferred } from './deferred.js';
import { Http1Drain, type HttpSocket, isHttp1, isKnown, watchRequests } from './drain-http1.js';
import { Http2Drain, isHttp2 } from './drain-http2.js';
import { LiveList } from './live-list.js';
import type { DrainReason } from './protocol.cjs';
import { type Activity, type Idle, idleSocket, NO_ACTIVITY, QUIET, Quiet } from './quiet.js';

/** How one protocol of one server finishes its connections. */
export interface ProtocolDrain {
  /** Connections that somebody still waits on, when what is idle has been ended. */
  readonly unfinished: number;
  /** Called once per reason; `'stop'` may follow `'replace'`. */
  begin(reason: DrainReason): void;
  /** What waits for nothing but its client's next request. */
  idle(): Idle[];
  /** Ends what is left at once. */
  destroy(): void;
}

/** Turns of the event loop that an idle HTTP/2 session may take to end at the deadline: its GOAWAY is written ahead of its end. */
const GOAWAY_TURNS = 10;

/** A connection of a tracked server came or went. */
type Counted = (server: Server, change: 1 | -1) => void;

/** One server and every connection that it accepted or was given. */
class TrackedServer {
  readonly sockets = new LiveList<Socket>();
  /** How many connections there ever were. */
  accepted = 0;
  readonly #server: Server;
  readonly #protocols: ProtocolDrain[] = [];
  /** Of servers that do not listen: the app gives them connections of this one. */
  readonly #inner: ProtocolDrain[] = [];
  readonly #mayBeIdle: () => void;

  /** @param counted A connection came or went. */
  constructor(server: Server, onGone: () => void, mayBeIdle: () => void, counted: Counted) {
    this.#server = server;
    this.#mayBeIdle = mayBeIdle;
    const { sockets } = this;
    // One function for all connections: a closure for each would be the most expensive part of tracking.
    const forget = function (this: Socket): void {
      sockets.delete(this);
      counted(server, -1);
      onGone();
    };
    this.add = (socket) => {
      if (socket.destroyed || sockets.has(socket)) return;
      this.accepted++;
      sockets.add(socket);
      socket.on('close', forget);
      counted(server, 1);
    };
    // TLS servers too: their 'connection' is the TCP connection, before the handshake.
    server.on('connection', this.add);
    if (isHttp1(server)) this.#protocols.push(new Http1Drain(server, sockets, mayBeIdle));
    if (isHttp2(server)) this.#protocols.push(new Http2Drain(server, mayBeIdle));
  }

  readonly add: (socket: Socket) => void;

  /**
   * A request came on a server that does not listen. True when this one has accepted its connection, which the app has given to the other
   * one, by `emit('connection')`: only then can it be known which protocol is spoken there.
   */
  adopt(server: Server, socket: HttpSocket, reason: DrainReason | undefined): boolean {
    // Of a TLS connection the one below.
    const { _parent: below } = socket as { readonly _parent?: Socket | null };
    if (!this.sockets.has(socket) && !(below && this.sockets.has(below))) return false;
    const drain = new Http1Drain(server, undefined, this.#mayBeIdle);
    drain.take(socket);
    for (const other of this.sockets) if (readerOf(other) === server) drain.take(other);
    this.#inner.push(drain);
    if (reason !== undefined) drain.begin();
    return true;
  }

  /** Of a protocol of the app's own nobody can tell whether it is idle. */
  get unfinished(): number {
    if (this.#protocols.length === 0) return this.sockets.size;
    return this.#protocols.reduce((sum, { unfinished }) => sum + unfinished, 0);
  }

  begin(reason: DrainReason): void {
    stopAccepting(this.#server);
    // Who has not sent a request yet.
    for (const socket of this.sockets) {
      const reader = readerOf(socket);
      if (reader !== undefined && reader !== this.#server && isHttp1(reader) && !isKnown(reader))
        this.adopt(reader, socket, undefined);
    }
    for (const protocol of [...this.#protocols, ...this.#inner]) protocol.begin(reason);
  }

  idle(): Idle[] {
    // Connected, and not a byte sent. Not for protocols of the app's own: there the server may be the one to speak first.
    const inner = this.#inner.flatMap((protocol) => protocol.idle());
    if (this.#protocols.length === 0) return inner;
    const silent = [...this.sockets].filter(({ bytesRead }) => bytesRead === 0).map(idleSocket);
    return silent.concat(inner, ...this.#protocols.map((protocol) => protocol.idle()));
  }

  destroy(): void {
    for (const protocol of [...this.#protocols, ...this.#inner]) protocol.destroy();
    for (const socket of this.sockets) socket.destroy();
  }
}

/** The server that a connection was given to last: http sets it, too. On every version; @types/node does not know. */
function readerOf(socket: Socket): Server | undefined {
  return (socket as { readonly server?: Server }).server;
}

/**
 * net.Server's own close, whatever the class overrides it with: http.Server.close() also cuts connections that it takes for
 * idle, among them those whose response has not been flushed yet.
 */
function stopAccepting(server: Server): void {
  if (!server.listening) return;
  if (server instanceof Server) Server.prototype.close.call(server);
  // It only has the shape of one.
  else (server as Server).close();
}

/** The drain of one worker. Track servers as soon as they are known. */
export class Drain {
  readonly #servers = new Map<Server, TrackedServer>();
  readonly #adopters = new Set<Server>();
  readonly #finished = deferred();
  /** Connections accepted before the servers were known: `serve` may listen, and only return its server later. */
  #early: Set<Socket> | undefined = new Set();
  #reason: DrainReason | undefined;
  readonly #quiet: Quiet;

  readonly #counted: Counted;

  /** @param counted A connection of a tracked server came or went. */
  constructor(activity: Activity = NO_ACTIVITY, counted: Counted = () => {}) {
    this.#counted = counted;
    this.#quiet = new Quiet({
      activity,
      idle: () => [...this.#servers.values()].flatMap((server) => server.idle()),
      connections: () => this.connections,
    });
    watchRequests((server, socket) => {
      for (const tracked of this.#servers.values()) if (tracked.adopt(server, socket, this.#reason)) return;
    });
    subscribe('net.server.socket', this.#onEarly);
  }

  readonly #onEarly = (message: unknown): void => {
    const { socket } = message as { socket: Socket };
    this.#early?.add(socket);
  };

  /** Whether a connection is open in this process, on any server, that was accepted before {@link Drain.allTracked}. */
  get acceptedEarly(): boolean {
    for (const { destroyed } of this.#early ?? []) if (!destroyed) return true;
    return false;
  }

  /** Connections that are still open. */
  get connections(): number {
    return this.#sum(({ sockets }) => sockets.size);
  }

  /** Connections of one tracked server that are still open, those included that a helper accepted. */
  connectionsOf(server: Server): number {
    return this.#servers.get(server)?.sockets.size ?? 0;
  }

  /** Whether nothing new is accepted any more. */
  get draining(): boolean {
    return this.#reason !== undefined;
  }

  /** Settles when every connection has ended; never before {@link Drain.begin}. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  /** Every connection of the server, from now on, is one that the drain finishes. */
  track(server: Server): void {
    if (this.#servers.has(server)) return;
    const tracked = new TrackedServer(
      server,
      () => this.#settle(),
      () => this.#mayBeIdle(),
      this.#counted,
    );
    this.#servers.set(server, tracked);
    for (const socket of this.#early ?? []) {
      if (readerOf(socket) === server) tracked.add(socket);
    }
    if (this.#reason !== undefined) this.#start(this.#reason, [tracked]);
  }

  /** A helper that accepts for a tracked server. It stops accepting with the others and has no connections of its own. */
  trackAdopter(server: Server): void {
    this.#adopters.add(server);
    if (this.#reason !== undefined) stopAccepting(server);
  }

  /** A helper that has been closed. */
  forgetAdopter(server: Server): void {
    this.#adopters.delete(server);
  }

  /** No more servers will come: nothing looks at connections of other servers any more. */
  allTracked(): void {
    unsubscribe('net.server.socket', this.#onEarly);
    this.#early = undefined;
    this.#settle();
  }

  /** How many connections there ever were. */
  get accepted(): number {
    return this.#sum(({ accepted }) => accepted);
  }

  #sum(of: (server: TrackedServer) => number): number {
    let count = 0;
    for (const server of this.#servers.values()) count += of(server);
    return count;
  }

  /**
   * `'stop'`: connections close when they have been idle and quiet for `quiet` ms. `'replace'`: they are kept until their next request.
   * Either way nothing new is accepted, and what is being answered is answered in full. Idempotent; a `'replace'` can become a `'stop'`.
   */
  begin(reason: DrainReason, quiet = QUIET): void {
    if (this.#reason === reason || this.#reason === 'stop') return;
    this.#reason = reason;
    for (const server of this.#adopters) stopAccepting(server);
    this.#start(reason, this.#servers.values());
    if (reason === 'stop') this.#quiet.begin(quiet);
    this.#settle();
  }

  #start(reason: DrainReason, servers: Iterable<TrackedServer>): void {
    for (const server of servers) server.begin(reason);
  }

  /**
   * Ends what is idle, `within` ms at the latest. `next` hears how many connections were ended, and how many are left that somebody
   * waits on.
   */
  endIdle(within: number, next: (ended: number, unfinished: number) => void): void {
    this.begin('stop', 0);
    const look = (ended: number, turns: number): void => {
      const left = this.#sum(({ unfinished }) => unfinished);
      if (left === 0 || turns === 0) next(ended, left);
      else setImmediate(look, ended, turns - 1);
    };
    this.#quiet.endAll(within, (ended) => look(ended, GOAWAY_TURNS));
  }

  /** Cuts whatever is left. */
  destroy(): void {
    for (const server of this.#servers.values()) server.destroy();
  }

  #mayBeIdle(): void {
    if (this.#reason === 'stop') this.#quiet.again();
  }

  #settle(): void {
    if (this.#reason === undefined || this.#early !== undefined) return;
    if (this.connections === 0) this.#finished.resolve();
  }
}
