/** What Linux knows of the queues of listening sockets. */

import type { LinuxAddon } from '../../addon/native.cjs';
import type { Queues } from '../system.js';

/** A queue is reported once a connection has waited in it for this long. */
const QUEUE_DELAY_MS = 50;

export function queuesOf(native: LinuxAddon): Queues {
  return {
    depth: (fd) => native.queueDepth(fd),
    watch: (onWaiting, confirmations = 0) =>
      native.watchQueues({ fds: [], delay: QUEUE_DELAY_MS, confirmations }, onWaiting),
  };
}
