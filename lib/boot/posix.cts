/** What a booting worker finds on POSIX: descriptors that it inherited, and the addon that watches its master. */

import { fstatSync } from 'node:fs';
import { posix } from '../addon/narrow.cjs';
import type { CommonAddon, PosixAddon } from '../addon/native.cjs';
import { endWithoutReader } from '../common/guard-output.cjs';
import { FIRST_FD } from '../protocol/protocol.cjs';
import type { BootSystem } from './boot.cjs';
import type { WorkerIdentity } from './identity.cjs';

/** The control descriptor when it is what the master promised, `undefined` when there is no socket behind the number. */
export function openControlFd({ controlFd }: WorkerIdentity): number | undefined {
  if (controlFd === undefined) return undefined;
  try {
    // As big integers: numbers stay behind in a buffer that realpathSync() reads, and after one of a socket Node 20 follows no link to a
    // package any more, which is how pnpm installs them (nodejs/node#51142).
    return fstatSync(controlFd, { bigint: true }).isSocket() ? controlFd : undefined;
  } catch {
    return undefined;
  }
}

/** @param loadNative Loads the addon; may throw. */
export function posixBoot(loadNative: () => CommonAddon): BootSystem {
  return {
    reportFd: openControlFd,
    arm(identity, onMasterDeath) {
      const native = posix(loadNative());
      if (!identity.cluster) {
        leaveDeadTerminals(native);
        endWithoutReader(native);
      }
      for (let fd = FIRST_FD; fd < FIRST_FD + identity.listenFds; fd++) closeOnExec(native, fd);
      if (identity.adoptionFd !== undefined) closeOnExec(native, identity.adoptionFd);
      if (identity.replyFd !== undefined) closeOnExec(native, identity.replyFd);
      if (identity.board !== undefined) closeOnExec(native, identity.board.fd);
      if (identity.scoreboard?.fd !== undefined) closeOnExec(native, identity.scoreboard.fd);
      const control = openControlFd(identity);
      if (control !== undefined) {
        native.setCloseOnExec(control);
        // A report must never wait for a master that does not read. The flag belongs to this end of the socketpair alone.
        native.setNonBlocking(control);
      }
      return native.watchMaster({ pid: identity.masterPid, controlFd: control ?? -1 }, onMasterDeath);
    },
  };
}

/**
 * On a terminal that has hung up every write fails, and Node 20 aborts when it cannot give the settings back at exit
 * (nodejs/node#58200): before, when and after it hangs up a worker has /dev/null instead.
 */
function leaveDeadTerminals(native: PosixAddon): void {
  const leave = (): void => void native.replaceDeadTerminals();
  leave();
  process.on('SIGHUP', leave);
  process.on('exit', leave);
}

/** A worker's own children must not hold its listeners open. A wrong descriptor is reported later, when it is inspected. */
function closeOnExec(native: PosixAddon, fd: number): void {
  try {
    native.setCloseOnExec(fd);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBADF') throw error;
  }
}
