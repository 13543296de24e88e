/** A descriptor that is sent to another process, to hear when that has closed it. */

import type { Socket } from 'node:net';
import type { PosixAddon } from '../../addon/native.cjs';
import { streamOf } from '../../protocol/stream-of.js';
import type { Witness } from '../system.js';

/** @throws what keeps the pair of sockets from being opened. */
export function openWitness(native: Pick<PosixAddon, 'socketPair' | 'closeFd'>): Witness {
  const [ours, theirs] = native.socketPair();
  let socket: Socket;
  try {
    socket = streamOf(ours, { readable: true, writable: false });
  } catch (error) {
    native.closeFd(theirs);
    throw error;
  }
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
  // How the other end goes away is all the same.
  socket.on('error', () => {});
  socket.resume();
  let sent = false;
  return {
    fd: theirs,
    closed,
    sent: () => {
      if (!sent) native.closeFd(theirs);
      sent = true;
    },
    close: () => socket.destroy(),
  };
}
