/** Linux and macOS: what the kernel knows of a connection of Node's. */

import type { Server } from 'node:net';
import type { Fd, LinuxAddon, PosixAddon } from '../../addon/native.cjs';
import type { Activity } from '../drain/quiet.js';

/**
 * Where the descriptor of a net.Socket or a net.Server that listens is; not in @types/node. A TLS connection, and one that HTTP/2 has taken
 * over, have it, too.
 */
interface WithHandle {
  readonly _handle?: Handle | null;
}

interface Handle {
  readonly fd?: number;
  close(...done: unknown[]): unknown;
}

export function descriptorOf(holder: object): Fd | undefined {
  const { fd = -1 } = (holder as WithHandle)._handle ?? {};
  return fd >= 0 ? fd : undefined;
}

/**
 * Calls back when the descriptor of a server that listens is about to be closed. The 'close' of the server comes when its last connection has
 * ended. By then another server may listen on a descriptor with the same number, even of the same socket:
 *     helper: close() ...................... its connections live on ..................... 'close'
 *     worker:          gets the socket again, by the same number, and listens there
 */
export function beforeClose(server: Server, closes: () => void): void {
  const { _handle: handle } = server as WithHandle;
  if (handle === undefined || handle === null) return;
  const { close } = handle;
  handle.close = (...done) => {
    handle.close = close;
    closes();
    return Reflect.apply(close, handle, done);
  };
}

export function kernelActivity(
  native: Pick<PosixAddon, 'bytesWaiting' | 'endIfSilent'> & Partial<LinuxAddon>,
): Activity {
  const ask = <T>(socket: object, question: (fd: Fd) => T): T | undefined => {
    const fd = descriptorOf(socket);
    if (fd === undefined) return undefined;
    try {
      return question(fd);
    } catch {
      // No answer is what other systems give: then the connection counts as what JavaScript takes it for.
      return undefined;
    }
  };
  return {
    waiting: (socket) => ask(socket, (fd) => native.bytesWaiting(fd)) ?? 0,
    endIfSilent: (socket) => ask(socket, (fd) => native.endIfSilent(fd)) ?? true,
    quietFor: (socket) => ask(socket, (fd) => native.idleTime?.(fd)),
  };
}
