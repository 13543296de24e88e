/** HTTP/2, with and without TLS: sessions end when their streams have. */

import type { Http2Server, ServerHttp2Session } from 'node:http2';
import type { Server, Socket } from 'node:net';
import type { DrainReason } from '../../protocol/protocol.cjs';
import { Farewell } from './http2-farewell.js';
import { LiveList } from './live-list.js';
import type { ProtocolDrain } from './protocol-drain.js';
import type { Idle } from './quiet.js';
import type { RequestsCounted } from './requests-counted.js';

/** Duck-typed: loading http2 for an app that does not use it would cost every worker its memory. */
export function isHttp2(server: Server): server is Http2Server {
  return 'updateSettings' in server;
}

export class Http2Drain implements ProtocolDrain {
  readonly #sessions = new LiveList<ServerHttp2Session>();
  /** Of every session, once the drain has begun. */
  readonly #farewells = new WeakMap<ServerHttp2Session, Farewell>();
  readonly #server: Http2Server;
  readonly #mayBeIdle: () => void;
  #reason: DrainReason | undefined;

  constructor(server: Http2Server, mayBeIdle: () => void, requests?: RequestsCounted) {
    this.#server = server;
    this.#mayBeIdle = mayBeIdle;
    server.on('session', (session) => this.#add(session));
    if (requests === undefined) return;
    const over = (): void => requests(-1);
    server.on('stream', (stream) => {
      requests(1);
      stream.on('close', over);
    });
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
    if (this.#reason === undefined) return;
    this.#farewells.set(session, new Farewell(session));
    this.#mayBeIdle();
  }

  begin(reason: DrainReason): void {
    if (this.#reason === undefined) {
      // Also meets sessions that were opened before the server was tracked.
      this.#server.prependListener('stream', ({ session }) => {
        if (session !== undefined) this.#add(session as ServerHttp2Session);
      });
    }
    const first = this.#reason === undefined;
    this.#reason = reason;
    if (first) for (const session of this.#sessions) this.#farewells.set(session, new Farewell(session));
  }

  /** With streams that are being answered, too: GOAWAY cuts none of them. */
  idle(): Idle[] {
    const idle: Idle[] = [];
    for (const session of this.#sessions) {
      const farewell = this.#farewells.get(session);
      if (farewell === undefined || farewell.departed || session.destroyed) continue;
      // The session's own socket object knows less once the session has ended.
      const socket = session.socket as Socket;
      idle.push({ socket, gone: () => session.destroyed || farewell.departed, end: () => farewell.depart() });
    }
    return idle;
  }

  destroy(): void {
    for (const session of this.#sessions) session.destroy();
  }
}
