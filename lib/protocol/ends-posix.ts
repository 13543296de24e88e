/** The two directions of a control channel, as the operating system has them. */

import { writeSync } from 'node:fs';
import type { Socket, SocketConstructorOpts } from 'node:net';
import { Outbox } from './outbox.js';
import { streamOf } from './stream-of.js';

export interface ChannelEnds {
  /** What arrives; its 'close' is the end of the channel. */
  readonly input: Socket;
  /** Bytes of memory that wait for the other side to read. */
  readonly waiting: number;
  /** Takes a whole line, in order. False when the other side cannot be reached any more. Never throws for a peer that is gone. */
  write(line: Buffer): boolean;
  /** Whether the open ends keep the event loop alive. Default: they do. */
  ref(): void;
  unref(): void;
  /** Closes both directions; what was written still goes out, if the other side reads it soon. */
  close(): void;
  /** Closes both directions at once. */
  destroy(): void;
}

/** How long a side that reads nothing may keep a process alive that has closed the channel, in milliseconds. */
const LINGER = 3_000;

/** The other side is there, and takes the line later: it reads too slowly, or the kernel has no memory for it now, unix(7). */
const WAITS: ReadonlySet<unknown> = new Set(['EAGAIN', 'ENOBUFS', 'ENOMEM']);

/** POSIX: one end of a socketpair, for both directions. Takes ownership of `fd`. */
export function overSocket(fd: number): ChannelEnds {
  // Opening sets O_NONBLOCK (libuv uv_pipe_open); each end of a socketpair has a file description, and a flag, of its own.
  // With one byte as the mark a paused stream takes one chunk and stops to read. With more than a chunk it would go on, meet the
  // error of a peer that died (ECONNRESET), and destroy itself with the chunk.
  const socket = streamOf(fd, { readable: true, writable: true, readableHighWaterMark: 1 } as SocketConstructorOpts);
  const outbox = new Outbox(socket);
  return {
    input: socket,
    get waiting() {
      return outbox.waiting;
    },
    write(line) {
      if (socket.destroyed) return false;
      // Order: what waits goes first.
      if (outbox.waiting > 0) {
        outbox.push(line);
        return true;
      }
      // Written straight to the descriptor for two reasons. A process that is about to die has no event loop left to flush a
      // stream. And a stream that fails to write (EPIPE) destroys itself with everything unread:
      //     worker: writes boot-failed, dies    master: send(drain) → EPIPE → destroy → boot-failed lost
      // A failed write here leaves the reading side to find the last words, then the end-of-file.
      let written: number;
      try {
        written = writeSync(fd, line);
      } catch (error) {
        if (!WAITS.has((error as NodeJS.ErrnoException).code)) return false;
        written = 0;
      }
      if (written < line.length) outbox.push(line.subarray(written));
      return true;
    },
    ref: () => void socket.ref(),
    unref: () => void socket.unref(),
    close: () => closeAfterWrites(socket, outbox),
    destroy: () => void socket.destroy(),
  };
}

/** Waits for what a slow reader has not taken yet, but not for one that does not read; with nothing waiting it closes at once. */
export function closeAfterWrites(socket: Socket, outbox: Outbox): void {
  if (outbox.waiting === 0) {
    socket.destroy();
    return;
  }
  socket.ref();
  outbox.whenEmpty(() => socket.destroySoon());
  let before = outbox.waiting;
  const timer = setInterval(() => {
    if (outbox.waiting === before) socket.destroy();
    before = outbox.waiting;
  }, LINGER).unref();
  socket.once('close', () => clearInterval(timer));
}
