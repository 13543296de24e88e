/** What `status()` says of the accept queues. */

import type { Host } from './host.js';
import type { OpenListener } from './listeners.js';
import type { QueueStatus } from './types.js';

/** One entry per socket that the master holds, as far as the kernel tells. */
export function queueStatus(
  host: Pick<Host, 'features' | 'queueDepth'>,
  listeners: readonly OpenListener[],
): QueueStatus[] {
  if (!host.features.queueDepth) return [];
  return listeners.flatMap(({ address: { name, family }, fd, shards }): QueueStatus[] => {
    if (family === 'unix') return ofUnixSocket(host, name, fd);
    if (shards !== undefined) return shards.fds.map((socket, slot) => ({ name, slot, ...host.queueDepth(socket) }));
    return fd === null ? [] : [{ name, ...host.queueDepth(fd) }];
  });
}

/** Not in every kernel: sock_diag(7) may be left out of it, or forbidden. */
function ofUnixSocket(host: Pick<Host, 'queueDepth'>, name: string, fd: number | null): QueueStatus[] {
  if (fd === null) return [];
  try {
    return [{ name, ...host.queueDepth(fd) }];
  } catch {
    return [];
  }
}
