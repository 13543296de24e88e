/** Linux and macOS: what the kernel knows of a connection of Node's. */

import type { Fd, LinuxBinding, NativeBinding } from './native.cjs';
import type { Activity } from './quiet.js';

/** Where the descriptor of a net.Socket is; not in @types/node. A TLS connection, and one that HTTP/2 has taken over, have it, too. */
interface WithHandle {
  readonly _handle?: { readonly fd?: number } | null;
}

export function kernelActivity(native: Pick<NativeBinding, 'bytesWaiting'> & Partial<LinuxBinding>): Activity {
  const ask = <T>(socket: object, question: (fd: Fd) => T): T | undefined => {
    const { fd } = (socket as WithHandle)._handle ?? {};
    if (fd === undefined || fd < 0) return undefined;
    try {
      return question(fd);
    } catch {
      // No answer is what other systems give: then the connection counts as what JavaScript takes it for.
      return undefined;
    }
  };
  return {
    waiting: (socket) => ask(socket, (fd) => native.bytesWaiting(fd)) ?? 0,
    quietFor: (socket) => ask(socket, (fd) => native.idleTime?.(fd)),
  };
}
