/** What `status()` says of the accept queues. */

import type { Host } from './host.js';
import type { OpenListener } from './listeners.js';
import type { QueueStatus } from './types.js';

/** One entry per TCP socket that the master holds; empty where the kernel does not tell. */
export function queueStatus(
  host: Pick<Host, 'features' | 'queueDepth'>,
  listeners: readonly OpenListener[],
): QueueStatus[] {
  if (!host.features.queueDepth) return [];
  return listeners.flatMap(({ address: { name, family }, fd, shards }): QueueStatus[] => {
    if (family === 'unix') return [];
    if (shards !== undefined) return shards.fds.map((socket, slot) => ({ name, slot, ...host.queueDepth(socket) }));
    return fd === null ? [] : [{ name, ...host.queueDepth(fd) }];
  });
}
