/** What `status()` says of the accept queues. */

import type { OpenListener } from '../system/open-listener.js';
import type { System } from '../system/system.js';
import type { QueueStatus } from '../types.js';

/** One entry per socket that the master holds, as far as the kernel tells. */
export function queueStatus(
  system: Pick<System, 'features' | 'queueDepth'>,
  listeners: readonly OpenListener[],
): QueueStatus[] {
  if (!system.features.queueDepth) return [];
  return listeners.flatMap(({ address: { name, family }, fd, shards }): QueueStatus[] => {
    if (family === 'unix') return ofUnixSocket(system, name, fd);
    if (shards !== undefined) return shards.fds.map((socket, slot) => ({ name, slot, ...system.queueDepth(socket) }));
    return fd === null ? [] : [{ name, ...system.queueDepth(fd) }];
  });
}

/** Not in every kernel: sock_diag(7) may be left out of it, or forbidden. */
function ofUnixSocket(system: Pick<System, 'queueDepth'>, name: string, fd: number | null): QueueStatus[] {
  if (fd === null) return [];
  try {
    return [{ name, ...system.queueDepth(fd) }];
  } catch {
    return [];
  }
}
