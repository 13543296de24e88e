/** HTTP/2, with and without TLS: sessions end when their streams have. */

import type { Http2Server, ServerHttp2Session } from 'node:http2';
import type { Server } from 'node:net';
import type { ProtocolDrain } from './drain.js';
import { Farewell, leave } from './drain-http2-farewell.js';
import { LiveList } from './live-list.js';
import type { DrainReason } from './protocol.cjs';

/** Duck-typed: loading http2 for an app that does not use it would cost every worker its memory. */
export function isHttp2(server: Server): server is Http2Server {
  return 'updateSettings' in server;
}

export class Http2Drain implements ProtocolDrain {
  readonly #sessions = new LiveList<ServerHttp2Session>();
  readonly #farewells = new WeakMap<ServerHttp2Session, Farewell>();
  /** Told to go away by a stop. */
  readonly #left = new WeakSet<ServerHttp2Session>();
  readonly #server: Http2Server;
  readonly #sweepLater: () => void;
  #reason: DrainReason | undefined;

  constructor(server: Http2Server, sweepLater: () => void) {
    this.#server = server;
    this.#sweepLater = sweepLater;
    server.on('session', (session) => this.#add(session));
  }

  get unfinished(): number {
    let count = 0;
    for (const { destroyed } of this.#sessions) if (!destroyed) count++;
    return count;
  }

  #add(session: ServerHttp2Session): void {
    if (session.destroyed || this.#sessions.has(session)) return;
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
    if (this.#reason === 'stop') this.#sweepLater();
    if (this.#reason === 'replace') this.#farewells.set(session, new Farewell(session));
  }

  begin(reason: DrainReason): void {
    if (this.#reason === undefined) {
      // Also meets sessions that were opened before the server was tracked.
      this.#server.prependListener('stream', ({ session }) => {
        if (session !== undefined) this.#add(session as ServerHttp2Session);
      });
    }
    this.#reason = reason;
    if (reason === 'stop') {
      this.#sweepLater();
      return;
    }
    for (const session of this.#sessions) this.#farewells.set(session, new Farewell(session));
  }

  sweep(): void {
    for (const session of this.#sessions) {
      const farewell = this.#farewells.get(session);
      if (farewell !== undefined) farewell.depart();
      else if (!this.#left.has(session)) {
        this.#left.add(session);
        leave(session);
      }
    }
  }

  destroy(): void {
    for (const session of this.#sessions) session.destroy();
  }
}
