/** How long a process had to wait for a CPU: distinguishes a worker that is stuck from one on a machine that is busy. */

import { readFileSync } from 'node:fs';

/**
 * Milliseconds that the main thread of a process has been ready to run without running, since it started. Grows only when the thread
 * gets a CPU again: a wait that goes on is not in it yet. `undefined` where the kernel does not report it (not Linux, built without
 * `CONFIG_SCHED_INFO`, procfs hidden) and when the process is gone.
 *
 * Reads procfs, which answers out of memory and does not block.
 */
export function runDelay(pid: number, read: (path: string) => string = readText): number | undefined {
  let text: string;
  try {
    text = read(`/proc/${pid}/schedstat`);
  } catch {
    return undefined;
  }
  // "<time on a CPU> <time waiting for one> <times it got one>", in nanoseconds, Documentation/scheduler/sched-stats.rst. A kernel
  // that does not count answers "0 0 0"; a process that exists has been on a CPU.
  const [, waiting, turns] = text.split(' ').map(Number);
  return turns && waiting !== undefined ? waiting / 1e6 : undefined;
}

function readText(path: string): string {
  return readFileSync(path, 'latin1');
}
