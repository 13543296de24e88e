/** The listening sockets of a fleet that stops: the master refuses new connections, and closes the sockets once no worker accepts. */

import { inWords } from '../common/in-words.cjs';
import type { Log } from '../common/log.js';
import type { OpenListener } from '../system/open-listener.js';
import type { System } from '../system/system.js';

/**
 * What is queued, and who is on the way into a queue, can still be accepted afterwards; newcomers are refused, or unanswered until the
 * socket is closed. Not for sockets of the service manager: those who come while the fleet is away wait there, for the next one.
 * @returns Whether every listener of the fleet refuses new connections. Workers that bind for themselves see to their own.
 */
export function sealDoors(system: Pick<System, 'seal'>, listeners: readonly OpenListener[], log: Log): boolean {
  const { seal } = system;
  // Not on this system.
  if (seal === undefined) return false;
  const sealed = listeners.map((listener) => {
    if (listener.foreign) return false;
    try {
      for (const fd of listener.shards?.fds ?? (listener.fd === null ? [] : [listener.fd])) seal(fd);
      return true;
    } catch (error) {
      log.warn(
        `listener '${listener.address.name}': clients that connect while it closes may be reset: ${inWords(error)}`,
        { event: 'listen', error },
      );
      return false;
    }
  });
  return !sealed.includes(false);
}

/** A socket that no worker accepts from is not held open: its clients would wait in vain. */
export function closeDoors(listeners: readonly OpenListener[]): void {
  for (const listener of listeners.toReversed()) if (!listener.foreign) listener.close();
}
