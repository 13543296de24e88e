/** What `status()` says of the accept queues. */

import type { OpenListener } from '../system/open-listener.js';
import type { Queues, System } from '../system/system.js';
import type { QueueStatus } from '../types.js';

/** One entry per socket that the master holds, as far as the kernel reports it. */
export function queueStatus(
  system: Pick<System, 'features' | 'queues'>,
  listeners: readonly OpenListener[],
): QueueStatus[] {
  const { features, queues } = system;
  if (!features.queueDepth || queues === undefined) return [];
  return listeners.flatMap(({ address: { name, family }, fd, shards }): QueueStatus[] => {
    if (family === 'unix') return ofUnixSocket(queues, name, fd);
    if (shards !== undefined) return shards.fds.map((socket, slot) => ({ name, slot, ...queues.depth(socket) }));
    return fd === null ? [] : [{ name, ...queues.depth(fd) }];
  });
}

/** Not in every kernel: sock_diag(7) may be left out of it, or forbidden. */
function ofUnixSocket(queues: Queues, name: string, fd: number | null): QueueStatus[] {
  if (fd === null) return [];
  try {
    return [{ name, ...queues.depth(fd) }];
  } catch {
    return [];
  }
}
