/** The worker's hands on Linux and macOS: what it was given are descriptors. */

import { adoptListeners, restoreBacklog } from './adopt.js';
import { openControlFd, posixBoot } from './boot-posix.cjs';
import { Channel } from './channel.js';
import { overSocket } from './channel-ends.js';
import type { NativeBinding } from './native.cjs';
import { onLinux } from './native-linux.js';
import { FROM_MASTER } from './what-masters-say.js';
import type { WorkerSystem } from './worker-system.js';

export function posixSystem(native: NativeBinding): WorkerSystem {
  let fds: readonly number[] = [];
  return {
    boot: posixBoot(() => native),
    openChannel(identity, events) {
      const fd = openControlFd(identity);
      return fd === undefined ? undefined : new Channel(overSocket(fd), FROM_MASTER, events);
    },
    adopt(wires) {
      const listeners = adoptListeners(native, wires);
      fds = listeners.flatMap(({ fd }) => fd ?? []);
      return listeners;
    },
    restoreBacklogs(listeners, wires, log) {
      for (const [i, { backlog }] of wires.entries()) {
        const fd = listeners[i]?.fd;
        if (fd !== undefined) restoreBacklog(native, log, fd, backlog);
      }
    },
    async adoptions(context) {
      // Loaded late: most workers do without.
      const { Adoptions } = await import('./adoptions.js');
      return new Adoptions({ ...context, native: onLinux(native) });
    },
    // libuv accepts in every turn for as long as somebody is there.
    acceptQueued() {},
    queued: () => queued(native, fds),
  };
}

function queued(native: NativeBinding, fds: readonly number[]): number | undefined {
  try {
    return fds.reduce((sum, fd) => sum + onLinux(native).queueDepth(fd).depth, 0);
  } catch {
    // Not told on this system, or not of a unix socket; or the app has closed its server.
    return undefined;
  }
}
