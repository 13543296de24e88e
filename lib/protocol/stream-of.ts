/** Descriptors that become streams of Node, on POSIX. */

import { closeSync } from 'node:fs';
import { Socket, type SocketConstructorOpts } from 'node:net';

/** Takes ownership of `fd`. @throws what keeps it from being a stream; it is closed then, because Node leaves it open. */
export function streamOf(fd: number, options: SocketConstructorOpts): Socket {
  try {
    return new Socket({ ...options, fd });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
