/** HTTP/1, with and without TLS: `Connection: close` on what is still to be answered, and an end to what is idle. */

import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';
import type { ProtocolDrain } from './drain.js';
import { LiveList } from './live-list.js';
import type { DrainReason } from './protocol.cjs';

/** The response to the latest request on a connection: the only one that may say `Connection: close` when requests are pipelined. */
const LATEST = Symbol('prefork.latestResponse');

/** Of a TLS connection: bytes that were read when the handshake was done. */
const HANDSHAKE = Symbol('prefork.handshake');

type HttpSocket = Socket & { [LATEST]?: ServerResponse; [HANDSHAKE]?: number };

/** What `http.server.request.start` and `http.server.response.finish` of diagnostics_channel carry. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly socket: HttpSocket;
  readonly server: Server;
}

/** http, https, and HTTP/2 servers with `allowHTTP1` where Node gives them HTTP/1's connection list. */
type Http1Server = Server & { closeIdleConnections?(): void };

const draining = new Map<Server, Http1Drain>();
let watching = false;

/** Duck-typed: loading http for an app that does not use it would cost every worker its memory. */
export function isHttp1(server: Server): server is Http1Server {
  return 'closeIdleConnections' in server || ('requestTimeout' in server && 'headersTimeout' in server);
}

/** Remembers the latest response of every connection. For the whole process, once: it cannot be known any other way later. */
export function watchRequests(): void {
  if (watching) return;
  watching = true;
  subscribe('http.server.request.start', (message) => {
    const { socket, response, server } = message as Exchange;
    const previous = socket[LATEST];
    socket[LATEST] = response;
    if (draining.size > 0) draining.get(server)?.onRequest(socket, response, previous);
  });
}

function onResponseFinish(message: unknown): void {
  const { response, server } = message as Exchange;
  draining.get(server)?.onFinish(response);
}

export class Http1Drain implements ProtocolDrain {
  readonly #server: Http1Server;
  /** What the HTTP parser reads from: TLS sockets where the server is secure. */
  readonly #sockets: LiveList<HttpSocket>;
  readonly #sweepLater: () => void;
  readonly #marked = new WeakSet<ServerResponse>();

  constructor(server: Http1Server, sockets: LiveList<HttpSocket>, sweepLater: () => void) {
    this.#server = server;
    this.#sweepLater = sweepLater;
    if (!('setSecureContext' in server)) {
      this.#sockets = sockets;
      return;
    }
    const secure = new LiveList<HttpSocket>();
    const forget = function (this: HttpSocket): void {
      secure.delete(this);
    };
    server.on('secureConnection', (socket: HttpSocket & { readonly alpnProtocol?: unknown }) => {
      if (socket.alpnProtocol === 'h2') return;
      secure.add(socket);
      socket[HANDSHAKE] = socket.bytesRead;
      socket.on('close', forget);
      // A client that was in the middle of its handshake when the drain began.
      if (draining.has(server)) sweepLater();
    });
    this.#sockets = secure;
  }

  begin(reason: DrainReason): void {
    if (draining.size === 0) subscribe('http.server.response.finish', onResponseFinish);
    draining.set(this.#server, this);
    for (const socket of this.#sockets) {
      const latest = socket[LATEST];
      if (latest !== undefined) this.#mark(latest);
    }
    if (reason === 'stop') this.#sweepLater();
  }

  get unfinished(): number {
    let count = 0;
    for (const { destroyed } of this.#sockets) if (!destroyed) count++;
    return count;
  }

  onRequest(socket: HttpSocket, response: ServerResponse, previous: ServerResponse | undefined): void {
    this.#sockets.add(socket);
    // Pipelined: the connection has to outlive the earlier response for this one to be heard.
    if (previous !== undefined && this.#marked.has(previous) && !previous.headersSent) {
      previous.setHeader('Connection', 'keep-alive');
    }
    this.#mark(response);
  }

  /** A response whose headers were out before the drain, or whose header the app overrode, leaves its connection open. */
  onFinish(response: ServerResponse): void {
    if (String(response.getHeader('Connection')).toLowerCase() !== 'close') this.#sweepLater();
  }

  #mark(response: ServerResponse): void {
    if (response.headersSent || response.writableEnded) return;
    response.setHeader('Connection', 'close');
    this.#marked.add(response);
  }

  sweep(): void {
    for (const socket of this.#idle()) {
      // Ended, yet not handed to the kernel in full: 'finish' comes, and with it the next sweep.
      if (socket.writableLength === 0) socket.destroy();
    }
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #idle(): Socket[] {
    const silent = [...this.#sockets].filter((socket) => socket.bytesRead === (socket[HANDSHAKE] ?? 0));
    return silent.concat(this.#server.closeIdleConnections === undefined ? this.#answered() : this.#idleToParser());
  }

  /** Without the server's own list: everything that was asked has been answered. */
  #answered(): Socket[] {
    return [...this.#sockets].filter((socket) => socket[LATEST]?.writableFinished && socket[LATEST].req.complete);
  }

  /**
   * Only the HTTP parser knows whether a connection is idle or has received half a request or was upgraded, and the only public
   * question is closeIdleConnections(), which also destroys connections with an unflushed response. So for the time of one
   * synchronous call `destroy` of every connection takes notes instead.
   */
  #idleToParser(): Socket[] {
    const idle: Socket[] = [];
    const originals = new Map<Socket, PropertyDescriptor | undefined>();
    const note = function (this: Socket): Socket {
      idle.push(this);
      return this;
    };
    for (const socket of this.#sockets) {
      originals.set(socket, Object.getOwnPropertyDescriptor(socket, 'destroy'));
      Object.defineProperty(socket, 'destroy', { value: note, configurable: true, writable: true });
    }
    try {
      this.#server.closeIdleConnections?.();
    } finally {
      for (const [socket, own] of originals) {
        if (own === undefined) Reflect.deleteProperty(socket, 'destroy');
        else Object.defineProperty(socket, 'destroy', own);
      }
    }
    return idle;
  }
}
