/** One server of a worker, with every connection that is open on it, for the drain. */

import { Server, type Socket } from 'node:net';
import type { DrainReason } from '../../protocol/protocol.cjs';
import { forgetRequests, Http1Drain, type HttpSocket, isHttp1, isKnown } from './http1.js';
import { Http2Drain, isHttp2 } from './http2.js';
import { LiveList } from './live-list.js';
import type { ProtocolDrain } from './protocol-drain.js';
import { type Idle, idleSocket } from './quiet.js';
import type { RequestsCounted } from './requests-counted.js';

/** A connection of a tracked server came or went. */
export type Counted = (server: Server, change: 1 | -1) => void;

/** The server that a connection was given to last: http sets it, too. On every version; @types/node does not know. */
export function readerOf(socket: Socket): Server | undefined {
  return (socket as { readonly server?: Server }).server;
}

/**
 * net.Server's own close, whatever the class overrides it with: http.Server.close() also cuts connections that it takes for
 * idle, among them those whose response has not been flushed yet.
 */
export function stopAccepting(server: Server): void {
  if (!server.listening) return;
  if (server instanceof Server) Server.prototype.close.call(server);
  // It only has the shape of one.
  else (server as Server).close();
}

/** One server and every connection that it accepted or was given. */
export class TrackedServer {
  readonly sockets = new LiveList<Socket>();
  /** How many connections there ever were. */
  accepted = 0;
  readonly #server: Server;
  readonly #protocols: ProtocolDrain[] = [];
  /** Of servers that do not listen: the app gives them connections of this one. */
  readonly #inner: ProtocolDrain[] = [];
  readonly #mayBeIdle: () => void;
  readonly #requests: RequestsCounted | undefined;

  /** @param counted A connection came or went. */
  constructor(server: Server, onGone: () => void, mayBeIdle: () => void, counted: Counted, requests?: RequestsCounted) {
    this.#server = server;
    this.#mayBeIdle = mayBeIdle;
    this.#requests = requests;
    const { sockets } = this;
    // One function for all connections: a closure for each would be the most expensive part of tracking.
    const forget = function (this: Socket): void {
      sockets.delete(this);
      if (requests !== undefined) forgetRequests(this, requests);
      counted(server, -1);
      onGone();
    };
    let released: WeakSet<Socket> | undefined;
    this.release = (socket) => {
      // The program may hear of a connection, and give it away, before this class does.
      released ??= new WeakSet();
      released.add(socket);
      if (sockets.has(socket)) Reflect.apply(forget, socket.off('close', forget), []);
    };
    this.add = (socket) => {
      if (socket.destroyed || sockets.has(socket) || released?.has(socket) === true) return;
      this.accepted++;
      sockets.add(socket);
      socket.on('close', forget);
      counted(server, 1);
    };
    // TLS servers too: their 'connection' is the TCP connection, before the handshake.
    server.on('connection', this.add);
    if (isHttp1(server)) this.#protocols.push(new Http1Drain(server, sockets, mayBeIdle, requests));
    if (isHttp2(server)) this.#protocols.push(new Http2Drain(server, mayBeIdle, requests));
  }

  readonly add: (socket: Socket) => void;

  /** The connection has gone to another process, and will not end here. */
  readonly release: (socket: Socket) => void;

  /**
   * A request came on a server that does not listen. True when this one has accepted its connection, which the app has given to the other
   * one, by `emit('connection')`: only then can it be known which protocol is spoken there.
   */
  adopt(server: Server, socket: HttpSocket, reason: DrainReason | undefined): boolean {
    // Of a TLS connection the one below.
    const { _parent: below } = socket as { readonly _parent?: Socket | null };
    if (!this.sockets.has(socket) && !(below && this.sockets.has(below))) return false;
    const drain = new Http1Drain(server, undefined, this.#mayBeIdle, this.#requests);
    drain.take(socket);
    for (const other of this.sockets) if (readerOf(other) === server) drain.take(other);
    this.#inner.push(drain);
    if (reason !== undefined) drain.begin();
    return true;
  }

  /** Whether a protocol of the app's own is idle cannot be known. */
  get unfinished(): number {
    if (this.#protocols.length === 0) return this.sockets.size;
    return this.#protocols.reduce((sum, { unfinished }) => sum + unfinished, 0);
  }

  stopAccepting(): void {
    stopAccepting(this.#server);
  }

  /** Finishes its connections, also those that are still to come. */
  begin(reason: DrainReason): void {
    // A client that has waited for a place may have nothing to ask.
    this.#server.off('connection', this.#mayBeIdle).on('connection', this.#mayBeIdle);
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
