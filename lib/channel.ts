/** The control channel: JSON lines over one end of a socketpair. The same code on both sides. */

import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
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
  readonly #fd: number;
  readonly #events: ChannelEvents<In>;
  readonly #socket: Socket;
  #closed = false;
  /** Pieces of a line whose end has not arrived yet. */
  #pieces: string[] = [];

  /** Takes ownership of `fd`. */
  constructor(fd: number, events: ChannelEvents<In>) {
    this.#fd = fd;
    this.#events = events;
    // Opening sets O_NONBLOCK (libuv uv_pipe_open); each end of a socketpair has a file description, and a flag, of its own.
    this.#socket = new Socket({ fd, readable: true, writable: true });
    this.#socket.setEncoding('utf8');
    this.#socket.on('data', (text: string) => this.#receive(text));
    // EPIPE or ECONNRESET: the other side is gone, which 'close' reports.
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => {
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
    return this.#write(encode(message));
  }

  #write(line: string): boolean {
    if (this.#closed || this.#socket.destroyed) return false;
    // Order: what waits in the stream goes first.
    if (this.#socket.writableLength > 0) {
      this.#socket.write(line);
      return true;
    }
    // Written straight to the descriptor for two reasons. A process that is about to die has no event loop left to flush a
    // stream. And a stream that fails to write (EPIPE) destroys itself with everything unread:
    //     worker: writes boot-error, dies    master: send(drain) → EPIPE → destroy → boot-error lost
    // A failed write here leaves the reading side to find the last words, then the end-of-file.
    const bytes = Buffer.from(line);
    let written: number;
    try {
      written = writeSync(this.#fd, bytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return false;
      written = 0;
    }
    if (written < bytes.length) this.#socket.write(bytes.subarray(written));
    return true;
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
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  /** Nothing more is delivered or sent; what was sent before still goes out. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pieces = [];
    // destroySoon() waits for what a slow reader has not taken yet; with nothing waiting it closes at once.
    if (this.#socket.writableLength > 0) {
      this.#socket.ref();
      this.#socket.destroySoon();
    } else {
      this.#socket.destroy();
    }
  }
}
