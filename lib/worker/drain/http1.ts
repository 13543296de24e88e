/** HTTP/1, with and without TLS: `Connection: close` on what is still to be answered, and an end to what is idle. */

import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';
import { decideAtHead } from './http1-head.js';
import { endInStages, isRead, isUnfinished } from './http1-linger.js';
import { LiveList } from './live-list.js';
import type { ProtocolDrain } from './protocol-drain.js';
import { afterPendingReads, type Idle, idleSocket } from './quiet.js';
import type { RequestsCounted } from './requests-counted.js';

/** The response to the latest request on a connection: the only one that may say `Connection: close` when requests are pipelined. */
const LATEST = Symbol('prefork.latestResponse');

/** Of a TLS connection: bytes that were read when the handshake was done. */
const HANDSHAKE = Symbol('prefork.handshake');

/** Of a connection: how many of its requests are not answered yet, where that is counted. */
const OPEN = Symbol('prefork.openRequests');

/** Of a connection that stayed open in a drain once, for the sake of an upload. */
const SPARED = Symbol('prefork.spared');

export type HttpSocket = Socket & {
  [LATEST]?: ServerResponse;
  [HANDSHAKE]?: number;
  [SPARED]?: true;
  [OPEN]?: number;
  /** Null once another protocol has taken the connection over; @types/node does not know. */
  readonly parser?: object | null;
};

/** What `http.server.request.start` and `http.server.response.finish` of diagnostics_channel carry. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly socket: HttpSocket;
  readonly server: Server;
}

/** http, https, and HTTP/2 servers with `allowHTTP1` where Node gives them HTTP/1's connection list. */
type Http1Server = Server & { closeIdleConnections?(): void };

type FindOwner = (server: Server, socket: HttpSocket) => void;

const draining = new Map<Server, Http1Drain>();
/** Whose connections are finished in a drain. */
const known = new WeakMap<Server, Http1Drain>();
const finders: FindOwner[] = [];

/** Duck-typed: loading http for an app that does not use it would cost every worker its memory. */
export function isHttp1(server: Server): server is Http1Server {
  return 'closeIdleConnections' in server || ('requestTimeout' in server && 'headersTimeout' in server);
}

/** Whether the server is one whose connections are finished already. */
export function isKnown(server: Server): boolean {
  return known.has(server);
}

/**
 * Remembers the latest response of every connection. For the whole process, once: it cannot be known any other way later.
 * @param find Called with a request on a server that is not known, and may make it so.
 */
export function watchRequests(find: FindOwner): void {
  finders.push(find);
  if (finders.length > 1) return;
  subscribe('http.server.request.start', (message) => {
    const { socket, response, server } = message as Exchange;
    socket[LATEST] = response;
    let drain = known.get(server);
    if (drain === undefined) {
      for (const look of finders) look(server, socket);
      drain = known.get(server);
    }
    drain?.onAnyRequest(socket);
    if (draining.size > 0) draining.get(server)?.onRequest(socket, response);
  });
}

/** Whether {@link onAnyFinish} hears of responses. */
let counting = false;

function onAnyFinish(message: unknown): void {
  const { socket, server } = message as Exchange;
  known.get(server)?.onAnyFinish(socket);
}

/** The connection has gone, with what was not answered on it. */
export function forgetRequests(socket: HttpSocket, requests: RequestsCounted): void {
  const open = socket[OPEN];
  if (!open) return;
  socket[OPEN] = 0;
  requests(-open);
}

function onResponseFinish(message: unknown): void {
  const { socket, response, server } = message as Exchange;
  draining.get(server)?.onFinish(socket, response);
}

export class Http1Drain implements ProtocolDrain {
  readonly #server: Http1Server;
  /** What the HTTP parser reads from: TLS sockets where the server is secure. */
  readonly #sockets: LiveList<HttpSocket>;
  readonly #mayBeIdle: () => void;
  readonly #requests: RequestsCounted | undefined;
  /** It does not listen, and has no list of its connections: an app gives it those of another one. */
  readonly #inner: boolean;
  /** Responses that said `Connection: close`. */
  readonly #announced = new WeakSet<ServerResponse>();

  /** @param sockets Its connections; of a server that others give theirs to: absent, it hears of them from then on. */
  constructor(
    server: Http1Server,
    sockets: LiveList<HttpSocket> | undefined,
    mayBeIdle: () => void,
    requests?: RequestsCounted,
  ) {
    this.#server = server;
    this.#requests = requests;
    if (requests !== undefined && !counting) {
      counting = true;
      subscribe('http.server.response.finish', onAnyFinish);
    }
    this.#mayBeIdle = mayBeIdle;
    this.#inner = sockets === undefined;
    known.set(server, this);
    if (!('setSecureContext' in server)) {
      this.#sockets = sockets ?? new LiveList();
      if (this.#inner) server.on('connection', (socket: HttpSocket) => this.take(socket));
      return;
    }
    const secure = new LiveList<HttpSocket>();
    const forget = function (this: HttpSocket): void {
      secure.delete(this);
      if (requests !== undefined) forgetRequests(this, requests);
    };
    server.on('secureConnection', (socket: HttpSocket & { readonly alpnProtocol?: unknown }) => {
      if (socket.alpnProtocol === 'h2') return;
      secure.add(socket);
      socket[HANDSHAKE] = socket.bytesRead;
      socket.on('close', forget);
      // A client that was in the middle of its handshake when the drain began.
      if (draining.has(server)) mayBeIdle();
    });
    this.#sockets = secure;
  }

  /** A connection of an inner server. */
  take(socket: HttpSocket): void {
    const sockets = this.#sockets;
    if (socket.destroyed || sockets.has(socket)) return;
    sockets.add(socket);
    if ('encrypted' in socket) socket[HANDSHAKE] ??= socket.bytesRead;
    const requests = this.#requests;
    socket.on('close', () => {
      sockets.delete(socket);
      if (requests !== undefined) forgetRequests(socket, requests);
    });
  }

  /** Also when nothing drains. */
  onAnyRequest(socket: HttpSocket): void {
    if (this.#inner) this.take(socket);
    if (this.#requests === undefined) return;
    socket[OPEN] = (socket[OPEN] ?? 0) + 1;
    this.#requests(1);
  }

  /** The same for responses. */
  onAnyFinish(socket: HttpSocket): void {
    // It may end behind its connection, with which it was forgotten.
    if (this.#requests === undefined || !socket[OPEN]) return;
    socket[OPEN]--;
    this.#requests(-1);
  }

  begin(): void {
    if (draining.size === 0) subscribe('http.server.response.finish', onResponseFinish);
    draining.set(this.#server, this);
    for (const socket of this.#sockets) {
      const latest = socket[LATEST];
      if (latest !== undefined) this.#decideLater(socket, latest);
    }
  }

  get unfinished(): number {
    let count = 0;
    for (const { destroyed } of this.#sockets) if (!destroyed) count++;
    return count;
  }

  onRequest(socket: HttpSocket, response: ServerResponse): void {
    this.#sockets.add(socket);
    this.#decideLater(socket, response);
  }

  /** A response whose head was out before the drain leaves its connection open: for one more request, or until a stop finds it quiet. */
  onFinish(socket: HttpSocket, response: ServerResponse): void {
    if (this.#announced.has(response)) return;
    if (isEventStream(response)) afterPendingReads(() => this.#endStream(socket, response));
    this.#mayBeIdle();
  }

  /**
   * The client of an event stream comes back by itself, on this connection if it can, and would find a worker that goes. It waits
   * before it comes, and comes again when it failed: so this one connection is ended here, and only if no request has arrived on it.
   */
  #endStream(socket: HttpSocket, response: ServerResponse): void {
    if (socket[LATEST] === response && !socket.destroyed) socket.destroySoon();
  }

  #decideLater(socket: HttpSocket, response: ServerResponse): void {
    decideAtHead(response, (status) => {
      const closes = this.#closes(socket, response, status);
      if (closes) this.#announced.add(response);
      return closes;
    });
  }

  #closes(socket: HttpSocket, response: ServerResponse, status: number): boolean {
    // Pipelined: the connection has to outlive this response for the later ones to be heard.
    if (socket[LATEST] !== response) return false;
    const { req } = response;
    if (!isUnfinished(req)) return true;
    // A client that has its answer may stop sending at `close`: not while the app takes what it sends. The next request moves it.
    if (status < 400 && isRead(req) && socket[SPARED] === undefined) {
      socket[SPARED] = true;
      return false;
    }
    endInStages(socket, req);
    return true;
  }

  idle(): Idle[] {
    // Ended, yet not handed to the kernel in full: 'finish' comes, and with it the next look.
    return this.#idle()
      .filter(({ writableLength }) => writableLength === 0)
      .map(idleSocket);
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #idle(): Socket[] {
    const silent = [...this.#sockets].filter(
      (socket) => socket[LATEST] === undefined && socket.bytesRead === (socket[HANDSHAKE] ?? 0),
    );
    const listed = !this.#inner && this.#server.closeIdleConnections !== undefined;
    return silent.concat(listed ? this.#idleToParser() : this.#answered());
  }

  /** Without the server's own list: everything that was asked has been answered. */
  #answered(): Socket[] {
    return [...this.#sockets].filter(
      ({ [LATEST]: latest, parser }) => latest?.writableFinished && latest.req.complete && parser !== null,
    );
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

/** What the application has set is known; a head that went out at once is only in Node's own copy of it. */
function isEventStream(response: ServerResponse): boolean {
  const { method, headers } = response.req;
  if (method !== 'GET') return false;
  const { _header: head } = response as { readonly _header?: unknown };
  return (
    /\btext\/event-stream\b/i.test(headers.accept ?? '') ||
    (typeof head === 'string' && /^content-type:\s*text\/event-stream/im.test(head))
  );
}
