/** How a worker is started on Windows, by node:child_process. */

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { isatty } from 'node:tty';
import type { WindowsAddon } from '../../addon/native-windows.cjs';
import type { LaunchSettings } from '../../options/settings.js';
import { ENV, PIPES } from '../../protocol/protocol.cjs';
import type { Command } from '../../types.js';
import { producersCommand, STALE, workerCommand } from '../launch/command.js';
import { inheritedSockets } from '../layout.js';
import type { Launch } from '../system.js';

/**
 * @param startTime Of the master, see WindowsAddon.
 * @param debugPort Of the worker's debugger, see `Own`.
 * @param onTerminal Whether a descriptor of the master is a console.
 */
export function windowsCommand(
  launch: Launch,
  startTime: string,
  debugPort?: number,
  onTerminal: (fd: number) => boolean = isatty,
): Command {
  const command = workerCommand(launch, {
    environment: { [ENV.masterStarted]: startTime, [ENV.controlFd]: PIPES.control, [ENV.reportFd]: PIPES.report },
    stdio: [...launch.settings.stdio.map((entry, fd) => stdioEntry(entry, fd, onTerminal)), 'overlapped', 'pipe'],
    // Not inherited: they follow over the control channel, whatever starts the worker.
    files: inheritedSockets(launch.listeners, launch.slot).files,
    // Names of variables know no case there.
    isStale: (name) => STALE.has(name.toUpperCase()),
    debugPort,
  });
  // libuv leaves a detached process out of the job that it ends with this one, and out of the console, whose Ctrl+C is the master's.
  return { ...producersCommand(command), detached: true, windowsHide: true };
}

/** A process without the console cannot write to it: the master reads, and passes on. */
function stdioEntry(
  entry: LaunchSettings['stdio'][number],
  fd: number,
  onTerminal: (fd: number) => boolean,
): Command['stdio'][number] {
  const source = entry === 'inherit' ? fd : entry;
  const piped = entry === 'pipe' || (typeof source === 'number' && onTerminal(source));
  if (!piped) return entry;
  // Nothing writes to a worker's stdin: a pipe without a writer and NUL are the same end-of-file.
  return fd === 0 ? 'ignore' : 'pipe';
}

/** @throws the error of the system: no such program, no such directory. */
export async function startProcess(command: Command): Promise<ChildProcess> {
  const child = spawn(command.file, command.args, command);
  if (child.pid === undefined) throw (await once(child, 'error'))[0];
  return child;
}

/**
 * Starts a process, if `birth` does so before it returns: no master that is killed meanwhile leaves one behind that never ran. Whatever
 * has begun to run finds out by itself.
 */
export function holdingNewborns<Born>(native: Pick<WindowsAddon, 'holdNewborns'>, birth: () => Born): Born {
  native.holdNewborns(true);
  try {
    return birth();
  } finally {
    native.holdNewborns(false);
  }
}
