/** Lines that wait for the other side to read: in order, and counted. */

import type { Socket } from 'node:net';
import { MESSAGE_OVERHEAD } from './protocol.cjs';

/** Bytes that go to the stream in one piece: it holds many small ones at a multiple of their size. */
const PIECE = 256 * 1024;

export class Outbox {
  readonly #socket: Socket;
  readonly #lines: Buffer[] = [];
  #writing = false;
  #waiting = 0;
  #onEmpty: () => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Bytes of memory that are held. */
  get waiting(): number {
    return this.#waiting;
  }

  push(line: Buffer): void {
    // In pieces also one long line: who waits for the other side sees that it reads.
    for (let at = 0; at < line.length; at += PIECE) {
      const piece = line.subarray(at, at + PIECE);
      this.#lines.push(piece);
      this.#waiting += piece.length + MESSAGE_OVERHEAD;
    }
    if (!this.#writing) this.#write();
  }

  #write(): void {
    const [count, size] = this.#piece();
    if (count === 0) {
      this.#onEmpty();
      return;
    }
    this.#writing = true;
    const lines = this.#lines.splice(0, count);
    this.#socket.write(count === 1 ? (lines[0] as Buffer) : Buffer.concat(lines, size), () => {
      this.#writing = false;
      this.#waiting -= size + count * MESSAGE_OVERHEAD;
      this.#write();
    });
  }

  #piece(): [count: number, size: number] {
    let [count, size] = [0, 0];
    for (const { length } of this.#lines) {
      if (count > 0 && size + length > PIECE) break;
      size += length;
      count++;
    }
    return [count, size];
  }

  whenEmpty(action: () => void): void {
    this.#onEmpty = action;
  }
}
