/** Linux and macOS: what the kernel knows of a connection of Node's. */

import type { Fd, LinuxAddon, PosixAddon } from '../../addon/native.cjs';
import type { Activity } from '../drain/quiet.js';

/**
 * Where the descriptor of a net.Socket or a net.Server that listens is; not in @types/node. A TLS connection, and one that HTTP/2 has taken
 * over, have it, too.
 */
interface WithHandle {
  readonly _handle?: { readonly fd?: number } | null;
}

export function descriptorOf(holder: object): Fd | undefined {
  const { fd = -1 } = (holder as WithHandle)._handle ?? {};
  return fd >= 0 ? fd : undefined;
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
