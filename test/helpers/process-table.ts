/** Processes and descriptors where there is no proc(5): as much as the check for what a test left behind needs. */

import { spawnSync } from 'node:child_process';
import { fstatSync, readdirSync } from 'node:fs';
import type { ProcessInfo } from './processes.js';

const COLUMNS = ['pid', 'ppid', 'pgid', 'sess', 'state', 'comm'] as const;

/**
 * Every process, as ps(1) of macOS and of procps both print it; macOS has no number for `session`. None where there is no ps.
 * @param pid Only this one.
 */
export function processTable(pid?: number): readonly ProcessInfo[] {
  const which = pid === undefined ? ['-A'] : ['-p', String(pid)];
  const { stdout, pid: own } = ps([...which, ...COLUMNS.flatMap((name) => ['-o', `${name}=`])]);
  return lines(stdout).flatMap((line) => {
    const [, pid, ppid, group, session, state, name] =
      /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    // The ps that prints the table is a process, too, and a child of ours.
    if (state === undefined || name === undefined || Number(pid) === own) return [];
    const numbers = { pid: Number(pid), ppid: Number(ppid), group: Number(group), session: Number(session) };
    return [{ ...numbers, name, state: state.slice(0, 1) }];
  });
}

/** A caller that looks for a word in every process asks once for each. */
const SNAPSHOT_AGE_MS = 100;
let snapshot: { readonly at: number; readonly commands: ReadonlyMap<number, string> } | undefined;

/** `KEY=value` words of the command line with the environment behind it: values end at a blank. */
export function environmentByPs(pid: number): ReadonlyMap<string, string> {
  if (snapshot === undefined || performance.now() - snapshot.at > SNAPSHOT_AGE_MS) {
    // The letter that shows environments: without a dash in procps, where -E is nothing; on macOS `e` is read as -e, which is -A.
    const withEnvironment = process.platform === 'darwin' ? ['-Eww'] : ['eww'];
    const { stdout } = ps([...withEnvironment, '-A', '-o', 'pid=', '-o', 'command=']);
    const commands = lines(stdout).map((line) => /^\s*(\d+)\s(.*)$/.exec(line) ?? []);
    snapshot = {
      at: performance.now(),
      commands: new Map(commands.map(([, number, command = '']) => [Number(number), command])),
    };
  }
  const pairs = (snapshot.commands.get(pid) ?? '').split(/\s/).filter((word) => /^\w+=/.test(word));
  return new Map(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
}

/** Open descriptors of this process, and which files they are. None on Windows. */
export function ownFds(): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  if (process.platform === 'win32') return found;
  for (const fd of readdirSync('/dev/fd').map(Number)) {
    try {
      const { dev, ino, mode } = fstatSync(fd);
      found.set(fd, `${(mode >> 12).toString(8)}:[${dev}:${ino}]`);
    } catch {
      // The descriptor that lists the folder is itself in the list, and closed by now; a kqueue has no fstat(2) on macOS.
    }
  }
  return found;
}

function ps(args: readonly string[]): { readonly stdout: string; readonly pid: number } {
  if (process.platform === 'win32') return { stdout: '', pid: 0 };
  const { stdout, pid } = spawnSync('ps', args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  return { stdout: stdout ?? '', pid };
}

function lines(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '');
}
