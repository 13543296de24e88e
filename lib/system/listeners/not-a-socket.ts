/** What is behind a descriptor that was promised as a socket and is none. */

import { fstatSync, readlinkSync } from 'node:fs';

export interface NotASocket {
  /** In words, for a message. */
  readonly what: string;
  /** A FIFO in the file system: a service manager may pass one (ListenFIFO=), for another part of the program. */
  readonly fifo: boolean;
}

/** `undefined`: it is a socket. Throws the system error of a descriptor that is not open. */
export function notASocket(fd: number): NotASocket | undefined {
  // As big integers: numbers stay behind in a buffer that realpathSync() reads (nodejs/node#51142).
  const stat = fstatSync(fd, { bigint: true });
  if (stat.isSocket()) return undefined;
  const file = fileOf(fd);
  // A pipe has no path: it is `pipe:[4711]`, and one of Node's own.
  if (stat.isFIFO() && file?.startsWith('/')) return { what: `the FIFO ${file}`, fifo: true };
  return { what: file ?? 'no socket', fifo: false };
}

/** `anon_inode:[eventpoll]`, `/dev/null`; `undefined` where there is no proc(5). */
function fileOf(fd: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return undefined;
  }
}
