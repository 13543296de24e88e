/** The control channel: JSON lines over whatever connects a master with a worker. The same code on both sides. */

import type { ChannelEnds } from './channel-ends.js';
import type { MasterMessage, WorkerMessage } from './protocol.cjs';
import { decode, encode } from './protocol.cjs';

export interface ChannelEvents<In> {
  message(message: In): void;
  /** Once, when the other side is gone or {@link Channel.close} was called; everything it sent has been delivered before. */
  close(): void;
  /** A line that is not a message of the protocol; the channel goes on. */
  garbage(line: string): void;
}

/** In: what arrives. Out: what is sent. */
export class Channel<In extends MasterMessage | WorkerMessage, Out extends MasterMessage | WorkerMessage> {
  readonly #ends: ChannelEnds;
  readonly #events: ChannelEvents<In>;
  #closed = false;
  /** Pieces of a line whose end has not arrived yet. */
  #pieces: string[] = [];

  /** Takes ownership of the ends. */
  constructor(ends: ChannelEnds, events: ChannelEvents<In>) {
    this.#ends = ends;
    this.#events = events;
    const { input } = ends;
    input.setEncoding('utf8');
    input.on('data', (text: string) => this.#receive(text));
    // EPIPE or ECONNRESET: the other side is gone, which 'close' reports.
    input.on('error', () => {});
    input.on('close', () => {
      this.#closed = true;
      // A line that was cut off by the death of its writer.
      const rest = this.#takeRest('');
      if (rest !== '') events.garbage(rest);
      events.close();
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** False when the channel is closed. Never throws for a peer that is gone; throws a TypeError for what JSON cannot carry. */
  send(message: Out): boolean {
    if (message.type === 'message' && JSON.stringify(message.data) === undefined) {
      throw new TypeError(`A message must be a JSON value; got ${typeof message.data}`);
    }
    return !this.#closed && this.#ends.write(encode(message));
  }

  #receive(text: string): void {
    let start = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      const line = this.#takeRest(text.slice(start, end));
      start = end + 1;
      this.#deliver(line);
      // A handler closed the channel: it wants to hear no more.
      if (this.#closed) return;
    }
    if (start < text.length) this.#pieces.push(text.slice(start));
  }

  #takeRest(tail: string): string {
    if (this.#pieces.length === 0) return tail;
    const line = this.#pieces.join('') + tail;
    this.#pieces = [];
    return line;
  }

  #deliver(line: string): void {
    let message: In;
    try {
      message = decode(line) as In;
      if (typeof message !== 'object' || typeof message.type !== 'string') throw new TypeError('not a message');
    } catch {
      this.#events.garbage(line);
      return;
    }
    this.#events.message(message);
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
    this.#closed = true;
    this.#pieces = [];
    this.#ends.close();
  }
}
