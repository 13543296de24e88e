/** How a client leaves an HTTP/2 session that is kept until its next request, without losing one. */

import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';

/** So many round trips in a row without an answer that left and without a request that came: nothing is on its way. */
const QUIET_TRIPS = 3;
/** Milliseconds between them, for what a client does between an answer and its next request. */
const PAUSE = 10;
/** After so many trips requests that still come are those of a client that does not wait for answers: none will be the last. */
const PATIENT_TRIPS = 10;
/** Milliseconds that a request is held back on a session that is never quiet, and trips that are made at least. */
const LIMIT = 1_000;
const MIN_TRIPS = 8;
/** Milliseconds that a client has to answer a PING. */
const PONG_LIMIT = 1_000;
const NO_ERROR = 0;
const EVERY_STREAM = 2 ** 31 - 1;
/** Bytes of a PING frame: nine of header, eight of payload (RFC 9113 6.7). */
const PING_SIZE = 17;

type Emit = ServerHttp2Session['emit'];

/**
 * nghttp2 ignores every stream that it hears of after it has sent a GOAWAY, whatever stream id the GOAWAY promised
 * (`session_allow_incoming_new_stream`; its "shutdown notice", which does not do that, is out of reach in Node):
 *
 *     client:  request 1 ─────┐    request 3 ──┐      hears GOAWAY: request 3 failed
 *     server:           stream 1, GOAWAY ──────│──────┘
 *                                         stream 3 ignored
 *
 * So the GOAWAY has to leave when nothing is on its way. A client that waits for an answer sends nothing: from the session's next
 * request on, requests are held back instead of being given to the application, until no answer has left and no request has come
 * for a while and for a round trip to the client. Then the GOAWAY goes out, and after it, in the same order, the answers: a client
 * that gets one knows already that the next request belongs on another connection.
 *
 * A client that sends without waiting for anything may still have a request on its way, which the last GOAWAY declares as not
 * processed: it is safe to send again (RFC 9113 8.7), and clients other than Node's own do so by themselves.
 */
export class Farewell {
  readonly #session: ServerHttp2Session;
  readonly #emit: Emit;
  /** `undefined`: GOAWAY has been sent. */
  #held: Parameters<Emit>[] | undefined = [];
  #timer: NodeJS.Timeout | undefined;
  #trips = 0;
  #until = 0;

  constructor(session: ServerHttp2Session) {
    this.#session = session;
    this.#emit = session.emit;
    const intercept = (...args: Parameters<Emit>): boolean => {
      if (args[0] !== ('stream' as string) || this.#held === undefined) return Reflect.apply(this.#emit, session, args);
      this.#hold(this.#held, args);
      return true;
    };
    session.emit = intercept as Emit;
    session.once('close', () => clearTimeout(this.#timer));
  }

  /** Whether GOAWAY has been sent. */
  get departed(): boolean {
    return this.#held === undefined;
  }

  #hold(held: Parameters<Emit>[], args: Parameters<Emit>): void {
    // The client may cancel, and nothing else listens yet.
    streamOf(args).on('error', ignore);
    if (held.push(args) > 1) return;
    this.#until = performance.now() + LIMIT;
    this.#travel(0, 1, this.#written);
  }

  /**
   * A round trip, because only a client that has read an answer sends what the answer leads to; several, because a client that
   * had no turn on its CPU answers the PING, in the protocol's library, before its program has seen the answer ahead of it.
   */
  #travel(quiet: number, streams: number, written: number): void {
    const session = this.#session;
    if (session.destroyed) return;
    this.#timer = setTimeout(() => this.depart(), PONG_LIMIT);
    session.ping(() => {
      if (this.#held === undefined || session.destroyed) return;
      clearTimeout(this.#timer);
      this.#trips++;
      const [nowHeld, nowWritten] = [this.#held.length, this.#written];
      const noRequest = nowHeld === streams || this.#trips > PATIENT_TRIPS;
      const trips = noRequest && nowWritten <= written + PING_SIZE ? quiet + 1 : 0;
      const late = performance.now() >= this.#until && this.#trips >= MIN_TRIPS;
      // Not now: nghttp2 is on the stack, in the middle of what it has received.
      if (trips === QUIET_TRIPS || late) setImmediate(() => this.depart());
      else this.#timer = setTimeout(() => this.#travel(trips, nowHeld, nowWritten), PAUSE);
    });
  }

  get #written(): number {
    return this.#session.socket?.bytesWritten ?? 0;
  }

  /** Sends GOAWAY, and gives the application what was held back. */
  depart(): void {
    const held = this.#held;
    const session = this.#session;
    if (held === undefined) return;
    this.#held = undefined;
    clearTimeout(this.#timer);
    if (session.destroyed) return;
    leave(session);
    for (const args of held) {
      const stream = streamOf(args);
      stream.removeListener('error', ignore);
      if (!stream.destroyed) Reflect.apply(this.#emit, session, args);
    }
  }
}

/**
 * Sends GOAWAY. The session ends with its last stream.
 *
 * First a GOAWAY that promises everything, because what arrives until it is written is still processed; closing then adds the one
 * that says where that ended (RFC 9113 6.8). The session is closed only when the first one has been written, because Node refuses
 * a stream that comes to a closed session from inside nghttp2's reading, which frees the stream that is being read: under Node 20
 * that destroyed the heap.
 *
 *     session.close() → stream arrives, not ignored by nghttp2 yet → RST_STREAM written at once → stream freed → nghttp2 goes on with it
 */
function leave(session: ServerHttp2Session): void {
  if (session.destroyed || session.closed) return;
  session.goaway(NO_ERROR, EVERY_STREAM);
  const close = (): void => {
    if (session.destroyed || session.closed) return;
    if (session.state.outboundQueueSize === 0) session.close();
    // The client reads slowly. Until it has read the GOAWAY, it may send, and is answered.
    else setTimeout(close, PAUSE);
  };
  // Node writes in an immediate of its own, which is ahead.
  setImmediate(close);
}

function streamOf(args: Parameters<Emit>): ServerHttp2Stream {
  return args[1] as unknown as ServerHttp2Stream;
}

function ignore(): void {}
