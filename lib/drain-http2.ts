/** HTTP/2, with and without TLS: sessions end when their streams have. */

import type { Http2Server, ServerHttp2Session } from 'node:http2';
import type { Server } from 'node:net';
import type { ProtocolDrain } from './drain.js';
import { LiveList } from './live-list.js';
import type { DrainReason } from './protocol.cjs';

/** GOAWAY with the largest stream id: "open no more streams", while every stream that is on its way is still served (RFC 9113 6.8). */
const EVERY_STREAM = 2 ** 31 - 1;
const NO_ERROR = 0;
/** Milliseconds for the answer to a ping. */
const PING_TIMEOUT = 1_000;

/** Duck-typed: loading http2 for an app that does not use it would cost every worker its memory. */
export function isHttp2(server: Server): server is Http2Server {
  return 'updateSettings' in server;
}

export class Http2Drain implements ProtocolDrain {
  readonly #sessions = new LiveList<ServerHttp2Session>();
  readonly #farewelled = new WeakSet<ServerHttp2Session>();
  readonly #server: Http2Server;
  readonly #sweepLater: () => void;
  #reason: DrainReason | undefined;

  constructor(server: Http2Server, sweepLater: () => void) {
    this.#server = server;
    this.#sweepLater = sweepLater;
    server.on('session', (session) => this.#add(session));
  }

  #add(session: ServerHttp2Session): void {
    if (session.destroyed || this.#sessions.has(session)) return;
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
    if (this.#reason !== undefined) this.#sweepLater();
  }

  begin(reason: DrainReason): void {
    if (this.#reason === undefined) {
      this.#server.on('stream', ({ session }) => {
        if (session !== undefined) this.#onStream(session as ServerHttp2Session);
      });
    }
    this.#reason = reason;
    this.#sweepLater();
  }

  /** Also meets sessions that were opened before the server was tracked. */
  #onStream(session: ServerHttp2Session): void {
    this.#add(session);
    if (this.#reason !== 'replace' || this.#farewelled.has(session)) return;
    this.#farewelled.add(session);
    // Not to an idle session: Node stops reading from one that was told to go away and has no open stream (nghttp2 wants no more
    // input), and the client's next request is lost.
    session.goaway(NO_ERROR, EVERY_STREAM);
    // After the ping's answer every stream that the client opened before it heard the GOAWAY has arrived. The answer is never
    // read when the last stream has ended before it comes: then the timer ends the session.
    const close = (): void => {
      clearTimeout(timer);
      if (!session.destroyed && !session.closed) session.close();
    };
    const timer = setTimeout(close, PING_TIMEOUT);
    session.ping(close);
    session.once('close', () => clearTimeout(timer));
  }

  sweep(): void {
    for (const session of this.#sessions) if (!session.closed) session.close();
  }

  destroy(): void {
    for (const session of this.#sessions) session.destroy();
  }
}
