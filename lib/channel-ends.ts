/** The two directions of a control channel, as the operating system has them. */

import { writeSync } from 'node:fs';
import { Socket } from 'node:net';

export interface ChannelEnds {
  /** What arrives, as text; its 'close' is the end of the channel. */
  readonly input: Socket;
  /** Takes a whole line, in order. False when the other side cannot be told any more. Never throws for a peer that is gone. */
  write(line: string): boolean;
  /** Whether the open ends keep the event loop alive. Default: they do. */
  ref(): void;
  unref(): void;
  /** Closes both directions; what was written still goes out. */
  close(): void;
}

/** POSIX: one end of a socketpair, for both directions. Takes ownership of `fd`. */
export function overSocket(fd: number): ChannelEnds {
  // Opening sets O_NONBLOCK (libuv uv_pipe_open); each end of a socketpair has a file description, and a flag, of its own.
  const socket = new Socket({ fd, readable: true, writable: true });
  return {
    input: socket,
    write(line) {
      if (socket.destroyed) return false;
      // Order: what waits in the stream goes first.
      if (socket.writableLength > 0) {
        socket.write(line);
        return true;
      }
      // Written straight to the descriptor for two reasons. A process that is about to die has no event loop left to flush a
      // stream. And a stream that fails to write (EPIPE) destroys itself with everything unread:
      //     worker: writes boot-error, dies    master: send(drain) → EPIPE → destroy → boot-error lost
      // A failed write here leaves the reading side to find the last words, then the end-of-file.
      const bytes = Buffer.from(line);
      let written: number;
      try {
        written = writeSync(fd, bytes);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return false;
        written = 0;
      }
      if (written < bytes.length) socket.write(bytes.subarray(written));
      return true;
    },
    ref: () => void socket.ref(),
    unref: () => void socket.unref(),
    close: () => closeAfterWrites(socket),
  };
}

/** Waits for what a slow reader has not taken yet; with nothing waiting it closes at once. */
export function closeAfterWrites(socket: Socket): void {
  if (socket.writableLength > 0) {
    socket.ref();
    socket.destroySoon();
  } else {
    socket.destroy();
  }
}
