/** What a booting worker finds on Windows: two pipes, and the addon that watches its master. */

import { fstatSync, writeSync } from 'node:fs';
import { windows } from '../addon/narrow.cjs';
import type { CommonAddon } from '../addon/native.cjs';
import { encode } from '../protocol/protocol.cjs';
import type { BootSystem } from './boot.cjs';
import type { WorkerIdentity } from './identity.cjs';

/** The ends of the control channel in a worker. */
export interface ControlPipes {
  readonly control: number;
  readonly report: number;
}

/** `undefined` unless both are what the master promised. */
export function controlPipes({ controlFd, reportFd }: WorkerIdentity): ControlPipes | undefined {
  if (controlFd === undefined || reportFd === undefined) return undefined;
  return isPipe(controlFd) && isPipe(reportFd) ? { control: controlFd, report: reportFd } : undefined;
}

/** File type and FIFO of st_mode, inode(7): libuv says so of a pipe, and `isFIFO()` denies that on Windows whatever it says. */
const [TYPE, FIFO] = [0o170_000, 0o010_000];

function isPipe(fd: number): boolean {
  try {
    // As big integers for the reason in posix.cts.
    return (Number(fstatSync(fd, { bigint: true }).mode) & TYPE) === FIFO;
  } catch {
    return false;
  }
}

/** @param loadNative Loads the addon; may throw. */
export function windowsBoot(loadNative: () => CommonAddon): BootSystem {
  return {
    reportFd: (identity) => controlPipes(identity)?.report,
    arm(identity, onMasterDeath) {
      const native = windows(loadNative());
      // Node has taken the pipes from the worker's own children (uv_disable_stdio_inheritance).
      const { masterPid: pid, masterStarted: started } = identity;
      const watch = native.watchMaster({ pid, ...(started !== undefined && { started }) }, onMasterDeath);
      const pipes = controlPipes(identity);
      if (pipes !== undefined) sayHello(pipes.report);
      return watch;
    },
  };
}

/** From here on the master need not end this process with itself any more, and knows for whom to duplicate its sockets. */
function sayHello(report: number): void {
  try {
    writeSync(report, encode({ type: 'watching', pid: process.pid }));
  } catch {
    // EPIPE: the master is gone, which the watch reports.
  }
}
