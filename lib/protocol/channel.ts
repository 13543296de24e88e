/** The control channel: JSON lines over whatever connects a master with a worker. The same code on both sides. */

import type { ChannelEnds } from './ends-posix.js';
import type { Grammar, MasterMessage, WorkerMessage } from './protocol.cjs';
import { encode, MESSAGE_LIMIT, WAITING_LIMIT } from './protocol.cjs';

const NEWLINE = 10;
/** Milliseconds of one turn of the event loop for one channel: a peer that floods it must not keep the others waiting. */
const SLICE = 4;
/** libuv reads up to 32 chunks of 64 KB in one turn. After a chunk of so many bytes the next one has to wait for the next turn. */
const LARGE = 32 * 1024;
/** Characters of what is no message, for a log line. */
const EXCERPT = 200;
const NOTHING = Buffer.alloc(0);
/** What becomes of data that JSON does not know. */
const NO_DATA = encode({ type: 'message', data: undefined });

/** Milliseconds of the monotonic clock, as performance.now() is, which would load node:perf_hooks. */
const now = (): number => process.uptime() * 1_000;

export interface ChannelEvents<In> {
  /** @param size Bytes of its line. */
  message(message: In, size: number): void;
  /** Once, when the other side is gone or {@link Channel.close} was called; everything it sent has been delivered before. */
  close(): void;
  /**
   * A line that is not a message of the protocol, or how it begins; the channel goes on.
   * @param cut The end of the channel is the end of the line: its writer died in the middle of it.
   */
  garbage(line: string, cut: boolean): void;
  /** Once: a user's message was refused, because so many bytes wait for the other side to read. */
  full?(waiting: number): void;
}

/** Of messages that go to several workers. */
const lines = new WeakMap<MasterMessage | WorkerMessage, Buffer>();

/**
 * A message that is put into words once, however many workers it is sent to.
 * @throws as {@link lineOf}.
 */
export function forMany(data: unknown): MasterMessage {
  const message = { type: 'message', data } as const;
  lines.set(message, lineOf(message));
  return message;
}

/** @throws TypeError for what JSON cannot carry, RangeError for a message of more than {@link MESSAGE_LIMIT}. */
export function lineOf(message: MasterMessage | WorkerMessage): Buffer {
  const known = lines.get(message);
  if (known !== undefined) return known;
  const text = encode(message);
  const line = Buffer.from(text);
  if (message.type !== 'message') return line;
  if (text === NO_DATA) throw new TypeError(`A message must be a JSON value; got ${typeof message.data}`);
  if (line.length <= MESSAGE_LIMIT) return line;
  const limit = `${MESSAGE_LIMIT / 1024 / 1024} MiB`;
  throw new RangeError(`A message may have ${limit} as JSON; got ${line.length} bytes: send it in parts, or in a file`);
}

/** One message of any length has room where nothing waits. */
export function hasRoom(waiting: number, size: number): boolean {
  return waiting === 0 || waiting + size <= WAITING_LIMIT;
}

/** In: what arrives. Out: what is sent. */
export class Channel<In extends MasterMessage | WorkerMessage, Out extends MasterMessage | WorkerMessage> {
  readonly #ends: ChannelEnds;
  readonly #grammar: Grammar<In>;
  readonly #events: ChannelEvents<In>;
  #closed = false;
  /** A user's message was refused: so are all, until half of what waits has been read. */
  #full = false;
  #fullReported = false;
  /** The beginning of a line whose end has not arrived yet: so many bytes of a buffer that grows with it. */
  #begun: Buffer = NOTHING;
  #length = 0;
  /** The line is too long: the rest of it is read and forgotten. */
  #skipping = false;
  /** What there was no time for in this turn. */
  #unread: Buffer | undefined;

  /** Takes ownership of the ends. */
  constructor(ends: ChannelEnds, grammar: Grammar<In>, events: ChannelEvents<In>) {
    this.#ends = ends;
    this.#grammar = grammar;
    this.#events = events;
    const { input } = ends;
    input.on('data', (chunk: Buffer) => {
      this.#receive(chunk, now() + SLICE);
      if (this.#unread !== undefined || chunk.length >= LARGE) this.#goOnLater();
    });
    // EPIPE or ECONNRESET: the other side is gone, which 'close' reports.
    input.on('error', () => {});
    input.on('close', () => {
      this.#receiveUnread(Number.POSITIVE_INFINITY);
      const rest = this.#takeLine(NOTHING);
      this.#closed = true;
      if (rest.length > 0) events.garbage(rest.toString('utf8', 0, EXCERPT), true);
      events.close();
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * False when the channel is closed, and for a user's message when too much waits for the other side already: the protocol's own
   * always go. Never throws for a peer that is gone.
   * @throws TypeError for what JSON cannot carry, RangeError for a message of more than {@link MESSAGE_LIMIT}.
   */
  send(message: Out): boolean {
    // Not even put into words, which would be garbage by the megabyte.
    if (message.type === 'message' && this.#isFull()) return false;
    const line = lineOf(message);
    if (message.type === 'message' && !this.#takes(line.length)) return false;
    return !this.#closed && this.#ends.write(line);
  }

  /** Bytes that end in a whole line, before any message is sent. */
  sendRaw(bytes: Buffer): void {
    if (!this.#closed) this.#ends.write(bytes);
  }

  #takes(size: number): boolean {
    const { waiting } = this.#ends;
    if (hasRoom(waiting, size)) return true;
    this.#full = true;
    if (!this.#fullReported && !this.#closed) {
      this.#fullReported = true;
      this.#events.full?.(waiting);
    }
    return false;
  }

  #isFull(): boolean {
    this.#full &&= this.#ends.waiting > WAITING_LIMIT / 2;
    return this.#full;
  }

  #receive(chunk: Buffer, until: number): void {
    if (this.#closed) return;
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const line = this.#takeLine(chunk.subarray(start, end));
      start = end + 1;
      if (this.#skipping) this.#skipping = false;
      else this.#deliver(line);
      // A handler closed the channel: it wants to hear no more.
      if (this.#closed) return;
      if (start < chunk.length && now() > until) {
        this.#unread = chunk.subarray(start);
        return;
      }
    }
    if (start < chunk.length && !this.#skipping) this.#keep(chunk.subarray(start));
  }

  #receiveUnread(until: number): void {
    const chunk = this.#unread;
    this.#unread = undefined;
    if (chunk !== undefined) this.#receive(chunk, until);
  }

  #goOnLater(): void {
    const { input } = this.#ends;
    input.pause();
    setImmediate(() => {
      this.#receiveUnread(now() + SLICE);
      if (this.#unread === undefined) input.resume();
      else if (!this.#closed) this.#goOnLater();
    });
  }

  #keep(piece: Buffer): void {
    const length = this.#length + piece.length;
    if (length > this.#begun.length) {
      // Twice as much each time: a line that arrives byte by byte must not be copied for each of them.
      const larger = Buffer.allocUnsafeSlow(2 * length);
      this.#begun.copy(larger, 0, 0, this.#length);
      this.#begun = larger;
    }
    piece.copy(this.#begun, this.#length);
    this.#length = length;
    if (length <= this.#grammar.limit) return;
    this.#skipping = true;
    this.#events.garbage(this.#takeLine(NOTHING).toString('utf8', 0, EXCERPT), false);
  }

  #takeLine(tail: Buffer): Buffer {
    if (this.#length === 0) return tail;
    const begun = this.#begun.subarray(0, this.#length);
    this.#begun = NOTHING;
    this.#length = 0;
    return tail.length === 0 ? begun : Buffer.concat([begun, tail]);
  }

  #deliver(line: Buffer): void {
    const message = line.length > this.#grammar.limit ? undefined : this.#parse(line);
    if (message === undefined) this.#events.garbage(line.toString('utf8', 0, EXCERPT), false);
    else this.#events.message(message, line.length);
  }

  #parse(line: Buffer): In | undefined {
    try {
      return this.#grammar.check(JSON.parse(line.toString('utf8')));
    } catch {
      return undefined;
    }
  }

  /** Whether an open channel keeps the event loop alive. Default: it does. */
  ref(): void {
    this.#ends.ref();
  }

  unref(): void {
    this.#ends.unref();
  }

  /** Nothing more is delivered or sent; what was sent before still goes out. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#forget();
    this.#ends.close();
  }

  /** The same at once, also after {@link Channel.close}: what waits for the other side is dropped. */
  destroy(): void {
    this.#forget();
    this.#ends.destroy();
  }

  #forget(): void {
    this.#closed = true;
    this.#begun = NOTHING;
    this.#length = 0;
    this.#unread = undefined;
  }
}
