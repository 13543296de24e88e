/** The worker's hands on Linux and macOS: what it was given are descriptors. */

import { linux } from '../../addon/narrow.cjs';
import type { Fd, LinuxAddon, NativeAcceptLines, PosixAddon } from '../../addon/native.cjs';
import { openControlFd, posixBoot } from '../../boot/posix.cjs';
import { reasonOf } from '../../common/in-words.cjs';
import { isSystemError } from '../../common/system-error.js';
import { Channel } from '../../protocol/channel.js';
import { overSocket } from '../../protocol/ends-posix.js';
import type { WireListener } from '../../protocol/protocol.cjs';
import { FROM_MASTER } from '../../protocol/what-masters-say.js';
import type { AcceptLine, AcceptLinesContext } from '../accepting/accept-lines.js';
import type { Adoptions } from '../accepting/adoptions.js';
import { beforeClose } from '../accepting/before-close.js';
import { inheritListener, inheritListeners, restoreBacklog } from '../accepting/inherited.js';
import { isHelper } from '../accepting/inherited-servers.js';
import { descriptorOf, kernelActivity } from './kernel-activity.js';
import type { WorkerSystem } from './worker-system.js';

export function posixSystem(native: PosixAddon): WorkerSystem {
  const fds: number[] = [];
  const wires: WireListener[] = [];
  let lines: NativeAcceptLines | undefined;
  let adoptions: Adoptions | undefined;
  const unixLines = new Map<Fd, AcceptLine>();
  let refusing = false;
  /** The worker goes on when its master has died. */
  let outlives = false;
  /** The socket of a slot that is new is deaf, until the master leads clients to it. */
  const letIn = (wire: WireListener, fd: Fd): void => {
    if (!isUnix(wire)) asked(() => linux(native).deafenListener(fd, false));
  };
  /** Of other slots, which this worker accepts for. */
  const adopted = (): Fd[] => adoptions?.helpers.flatMap((helper) => descriptorOf(helper) ?? []) ?? [];
  return {
    boot: posixBoot(() => native),
    activity: kernelActivity(native),
    openChannel(identity, events) {
      const fd = openControlFd(identity);
      return fd === undefined ? undefined : new Channel(overSocket(fd), FROM_MASTER, events);
    },
    adopt(promised) {
      const listeners = inheritListeners(native, promised);
      wires.push(...promised);
      fds.push(...listeners.flatMap(({ fd }) => fd ?? []));
      return listeners;
    },
    adoptLate(wire, received) {
      const fd = inheritListener(native, { ...wire, fd: received ?? null });
      wires.push(wire);
      fds.push(fd);
      if (outlives && received !== undefined) letIn(wire, fd);
      return fd;
    },
    forget(fd) {
      const at = fds.indexOf(fd);
      if (at === -1) return;
      fds.splice(at, 1);
      wires.splice(at, 1);
    },
    restoreBacklogs(listeners, promised, log) {
      for (const [i, { backlog }] of promised.entries()) {
        const fd = listeners[i]?.fd;
        if (fd !== undefined) restoreBacklog(native, log, fd, backlog);
      }
    },
    hear() {
      outlives = true;
      for (const [i, wire] of wires.entries()) if (wire.fd !== null) letIn(wire, fds[i] as number);
    },
    openScoreboard(place) {
      const line = native.openScoreboard(place);
      native.closeFd(place.fd);
      return line;
    },
    timeTurns: (line) => native.timeTurns(line),
    acceptLines(context) {
      const { board, sharing } = context;
      lines = openLines(native, context);
      return {
        of(server, closes) {
          const fd = descriptorOf(server);
          if (fd === undefined) return undefined;
          const wire = wires[fds.indexOf(fd)];
          // Of this worker alone. What has no wire was adopted, or the program has opened it.
          const own = wire === undefined ? !isHelper(server) : sharing !== 'shared' && !isUnix(wire);
          beforeClose(server, closes);
          const line = lines?.add(fd, board !== undefined && !own);
          if (line !== undefined && isUnix(wire)) unixLines.set(fd, line);
          return line;
        },
        look: () => lines?.look(),
      };
    },
    async adoptions(context) {
      // Loaded late: most workers do without.
      const { Adoptions } = await import('../accepting/adoptions.js');
      adoptions = new Adoptions({ ...context, native });
      return adoptions;
    },
    // libuv accepts in every turn for as long as a connection is there. Behind another worker that was woken it would not hear of it.
    acceptQueued: () => lines?.look(),
    queued() {
      const depths = [...fds, ...adopted()].map((fd) => {
        const depth = asked(() => linux(native).queueDepth(fd).depth);
        // A sealed unix socket is readable for ever: a worker that goes on would do nothing else than find that it is empty.
        if (refusing && depth === 0) asked(() => unixLines.get(fd)?.leave());
        return depth;
      });
      return depths.every((depth) => depth === undefined) ? undefined : sum(depths);
    },
    // A unix socket has no handshake.
    arriving: () => sum(fds.map((fd, i) => (isUnix(wires[i]) ? 0 : asked(() => linux(native).handshakes(fd))))),
    seal: (which) =>
      asked(() => {
        for (const [i, wire] of wires.entries()) {
          if (which === 'all' ? isShared(wire) : wire.fd !== null) continue;
          refuseNewcomers(linux(native), fds[i] as number);
        }
        if (which !== 'all') return true;
        if (wires.some(isShared)) return false;
        // Their own workers may be gone.
        for (const fd of adopted()) refuseNewcomers(linux(native), fd);
        return true;
      }) ?? false,
    refuse() {
      refusing = true;
      const hidden = wires.some(isShared) ? [] : adopted();
      for (const [i, wire] of wires.entries()) {
        if (!isUnix(wire) && !isShared(wire)) hidden.push(fds[i] as number);
      }
      for (const fd of hidden) asked(() => linux(native).hideListener(fd));
    },
  };
}

/** Newer kernels attach the filter that seals for CAP_NET_ADMIN alone. */
function refuseNewcomers(native: Pick<LinuxAddon, 'sealListener' | 'hideListener'>, fd: Fd): void {
  try {
    native.sealListener(fd);
  } catch (error) {
    if (!isSystemError(error) || error.code !== 'EPERM') throw error;
    native.hideListener(fd);
  }
}

/** With the service manager, which goes on holding it. */
function isShared({ activated, kept }: WireListener): boolean {
  return activated === true || kept === true;
}

function openLines(
  native: PosixAddon,
  { counts, board, log, room }: AcceptLinesContext,
): NativeAcceptLines | undefined {
  if (board === undefined) return native.acceptLines({ counts }, room);
  try {
    const opened = native.acceptLines({ counts, board }, room);
    native.closeFd(board.fd);
    return opened;
  } catch (error) {
    log.warn(`cannot know how many connections the other workers hold: ${reasonOf(error)}`, { event: 'accept', error });
    return native.acceptLines({ counts }, room);
  }
}

function isUnix(wire: WireListener | undefined): boolean {
  return wire?.family === 'unix';
}

function sum(numbers: readonly (number | undefined)[]): number {
  return numbers.reduce<number>((total, number = 0) => total + number, 0);
}

/** `undefined` where this system does not report it, or the app has closed its server. */
function asked<T>(question: () => T): T | undefined {
  try {
    return question();
  } catch {
    return undefined;
  }
}
