/** One client of the admin door, with bounds on all that it can make the master hold. Whatever it sends costs only its own connection. */

import type { Socket } from 'node:net';
import { ADMIN_VERSION, type AdminAnswer, type AdminRequest } from '../../protocol/admin.js';
import { Lines, TOO_LONG } from './lines.js';
import { adminError, BadRequest } from './words.js';

/** Bytes of a request. */
const LINE_MAX = 16 * 1024;
/** Requests of a client that are not answered yet. Meanwhile the master does not read on. */
const IN_FLIGHT_MAX = 16;
/** Bytes of answers that the client has not taken. One more answer, and its connection is cut. */
const OUTPUT_MAX = 1024 * 1024;
/** Milliseconds without a sign of life: of a client that has not asked anything yet, and of one that has. */
const IDLE = { stranger: 10_000, known: 60_000 } as const;
const ID_MAX = 64;
/**
 * What a client that is refused may still send, in bytes and milliseconds, and is thrown away: its next write into a closed socket would fail,
 * and with it the read of the answer.
 */
const LINGER = { bytes: 1024 * 1024, ms: 1_000 } as const;

export interface ConnectionEvents {
  /** Answers by `reply`, now or later. Throws for a request that makes no sense. */
  request(request: AdminRequest, reply: (outcome: Outcome) => void): void;
  closed(): void;
}

export type Outcome = { readonly result: unknown } | { readonly failure: unknown };

type Id = number | string | null;

export class Connection {
  readonly #socket: Socket;
  readonly #events: ConnectionEvents;
  readonly #lines = new Lines(LINE_MAX);
  #inFlight = 0;
  /** Nothing more is read: the client has ended its side or broke the rules, or the fleet is over. */
  #deaf = false;
  /** It ends with the process. */
  #held = false;
  #known = false;
  /** The client has ended its side. */
  #ended = false;
  #scheduled = false;
  #dropped = 0;
  #lingers: NodeJS.Timeout | undefined;

  constructor(socket: Socket, events: ConnectionEvents) {
    this.#socket = socket;
    this.#events = events;
    socket.unref();
    socket.setTimeout(IDLE.stranger, () => this.#timedOut());
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => {
      clearTimeout(this.#lingers);
      events.closed();
    });
    socket.on('data', (bytes: Buffer) => {
      if (this.#deaf) {
        this.#dropped += bytes.length;
        if (this.#dropped > LINGER.bytes) this.cut();
        return;
      }
      this.#lines.add(bytes);
      this.#read();
    });
    socket.on('drain', () => this.#read());
    socket.on('end', () => {
      this.#ended = true;
      this.finish();
    });
  }

  /** It has asked something that the master understood. */
  get known(): boolean {
    return this.#known;
  }

  /** It gets no further answer. */
  get leaving(): boolean {
    return this.#deaf && this.#inFlight === 0 && !this.#held;
  }

  /** Gives the answers that are due, and ends the connection. */
  finish(): void {
    this.#deaf = true;
    if (this.#inFlight > 0 || this.#held) {
      this.#socket.pause();
      return;
    }
    this.#socket.end();
    this.#socket.resume();
    // It ends when the client has taken its answers: who does not is timed out.
    if (!this.#ended) this.#lingers ??= setTimeout(() => this.cut(), LINGER.ms).unref();
  }

  /** The client learns by the end of the connection that the process has ended. */
  hold(): void {
    this.#held = true;
  }

  /** At once. */
  cut(): void {
    this.#socket.destroy();
  }

  /** An answer to nothing, and the end. */
  refuse(error: BadRequest): void {
    this.#write({ v: ADMIN_VERSION, id: null, error: adminError(error) });
    this.finish();
  }

  #read(): void {
    // A request that is answered at once would read on from within.
    for (let budget = IN_FLIGHT_MAX; !this.#deaf; budget--) {
      if (this.#inFlight >= IN_FLIGHT_MAX || this.#socket.writableNeedDrain) {
        this.#socket.pause();
        return;
      }
      if (budget === 0) {
        // Others come between: the master has more to do than to answer one client.
        this.#socket.pause();
        this.#readSoon();
        return;
      }
      const line = this.#lines.next();
      if (line === undefined) break;
      if (line === TOO_LONG)
        this.refuse(
          new BadRequest(
            'ERR_PREFORK_ADMIN_REQUEST',
            `a request has at most ${LINE_MAX} bytes, and ends with a newline`,
          ),
        );
      else this.#take(line);
    }
    if (!this.#deaf) this.#socket.resume();
  }

  /** Not from within: there may be a hundred requests in what has arrived. */
  #readSoon(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#read();
    });
  }

  #take(line: string): void {
    let id: Id = null;
    try {
      const request = parsed(line);
      id = idOf(request);
      checkRequest(request);
      this.#inFlight++;
      this.#ask(request, id);
    } catch (error) {
      if (error instanceof BadRequest && error.code === 'ERR_PREFORK_ADMIN_REQUEST') this.refuse(error);
      else this.#write({ v: ADMIN_VERSION, id, error: adminError(error) });
    }
  }

  #ask(request: AdminRequest, id: Id): void {
    let replied = false;
    const reply = (outcome: Outcome): void => {
      if (replied) return;
      replied = true;
      this.#inFlight--;
      this.#write(
        'result' in outcome
          ? { v: ADMIN_VERSION, id, result: outcome.result }
          : { v: ADMIN_VERSION, id, error: adminError(outcome.failure) },
      );
      if (this.#deaf) this.finish();
      else if (this.#socket.isPaused()) this.#readSoon();
    };
    try {
      this.#events.request(request, reply);
      this.#known = true;
      this.#socket.setTimeout(IDLE.known);
    } catch (failure) {
      reply({ failure });
    }
  }

  #write(answer: AdminAnswer): void {
    if (this.#socket.destroyed) return;
    if (this.#socket.writableLength > OUTPUT_MAX) this.cut();
    else this.#socket.write(`${JSON.stringify(answer)}\n`);
  }

  #timedOut(): void {
    // A reload takes its time, but an answer that waits is not being read.
    if (this.#inFlight === 0 || this.#socket.writableLength > 0) this.cut();
  }
}

function parsed(line: string): Partial<Record<keyof AdminRequest, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // What it is, the client knows; its bytes do not belong into a message.
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new BadRequest('ERR_PREFORK_ADMIN_REQUEST', 'a request is one JSON object a line');
}

function idOf({ id = null }: Partial<Record<'id', unknown>>): Id {
  if (id === null || (typeof id === 'number' && Number.isFinite(id))) return id;
  if (typeof id === 'string' && id.length <= ID_MAX) return id;
  throw new BadRequest('ERR_PREFORK_ADMIN_REQUEST', `'id' must be a number, or a string of up to ${ID_MAX} characters`);
}

function checkRequest(request: Partial<Record<keyof AdminRequest, unknown>>): asserts request is AdminRequest {
  const { v, method, params } = request;
  if (v !== ADMIN_VERSION)
    throw new BadRequest(
      'ERR_PREFORK_ADMIN_VERSION',
      `this master speaks version ${ADMIN_VERSION}: "v": ${ADMIN_VERSION}`,
    );
  if (typeof method !== 'string')
    throw new BadRequest('ERR_PREFORK_ADMIN_METHOD', 'a request has a \'method\', such as "status"');
  if (params !== undefined && (typeof params !== 'object' || params === null || Array.isArray(params)))
    throw new BadRequest('ERR_PREFORK_ADMIN_PARAMS', "'params' must be an object");
}
