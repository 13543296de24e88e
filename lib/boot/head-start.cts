/**
 * The worker's side of a head start: it was spawned before the master knew what to hand it, and waits here, before a line of the program
 * runs, until the master says who it is. The master's side is command/head-start.ts.
 */

import type { Fd, PosixAddon } from '../addon/native.cjs';
import { ENV, type HeadStartMessage } from '../protocol/protocol.cjs';

/** Milliseconds between two looks. The end of the master wakes the worker at once. */
const LOOK_MS = 60_000;

/** Puts what the master sends into the environment, as if the process had been started with it; ends a process that no master wants. */
export function awaitIdentity(native: Pick<PosixAddon, 'awaitFds' | 'closeFd' | 'recvFds'>, socket: Fd): void {
  for (;;) {
    const began = process.uptime();
    native.awaitFds(socket, LOOK_MS);
    const message = native.recvFds(socket);
    if (message === undefined) {
      // Woken without a message: the other end is closed. The master ends, or has started another process in this one's place.
      if ((process.uptime() - began) * 1_000 < LOOK_MS) process.exit();
      continue;
    }
    const { variables, descriptors } = JSON.parse(message.text) as HeadStartMessage;
    Object.assign(process.env, variables);
    descriptors.forEach((name, at) => {
      process.env[name] = String(message.fds[at]);
    });
    delete process.env[ENV.headStart];
    native.closeFd(socket);
    return;
  }
}
