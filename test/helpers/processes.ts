/** What /proc(5) says about processes, here, and what those of another target say about themselves. */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { agent } from './agent.js';
import { eventually, USUAL_WAIT } from './eventually.js';
import { environmentByPs, ownFds, processTable } from './process-table.js';
import { target } from './target.js';

/** Everywhere else the helpers ask ps(1), which knows less. */
const hasProc = process.platform === 'linux';

export interface ProcessInfo {
  readonly pid: number;
  readonly name: string;
  /** One letter of proc(5): R, S, D, Z (ended, not reaped), T (stopped), … */
  readonly state: string;
  readonly ppid: number;
  readonly group: number;
  readonly session: number;
}

/** `undefined` when there is no such process, not even a zombie. */
export function processInfo(pid: number): ProcessInfo | undefined {
  if (target.agent !== undefined) return processes().find((info) => info.pid === pid);
  return processInfoHere(pid);
}

/** Of a process of this machine. */
function processInfoHere(pid: number): ProcessInfo | undefined {
  if (!hasProc) return processTable(pid)[0];
  const stat = readProc(pid, 'stat');
  if (stat === undefined) return undefined;
  // The name is in parentheses and may itself contain spaces and parentheses.
  const open = stat.indexOf('(');
  const close = stat.lastIndexOf(')');
  const [state = '?', ppid, group, session] = stat.slice(close + 2).split(' ');
  return {
    pid,
    name: stat.slice(open + 1, close),
    state,
    ppid: Number(ppid),
    group: Number(group),
    session: Number(session),
  };
}

/** Every process of the target, zombies included. */
export function processes(): readonly ProcessInfo[] {
  return target.agent === undefined ? processesHere() : agent().processes.processes();
}

/** Every process of this machine, zombies included. */
export function processesHere(): readonly ProcessInfo[] {
  if (!hasProc) return processTable();
  const found: ProcessInfo[] = [];
  for (const entry of readdirSync('/proc')) {
    const info = /^\d+$/.test(entry) ? processInfoHere(Number(entry)) : undefined;
    if (info !== undefined) found.push(info);
  }
  return found;
}

/** True for a process that can still run: a zombie is not alive. */
export function isAlive(pid: number): boolean {
  const info = processInfo(pid);
  return info !== undefined && !isDead(info);
}

/** True for a process that ended and that its parent has not waited for. */
export function isZombie(pid: number): boolean {
  return processInfo(pid)?.state === 'Z';
}

export function isDead(info: ProcessInfo): boolean {
  return info.state === 'Z' || info.state === 'X';
}

/**
 * Waits until the process has ended. A zombie counts as ended: the process that adopts orphans in a container may never reap them.
 * Polled, because a process that is not our child gives no notice through /proc.
 */
export async function untilDead(pid: number, { within = USUAL_WAIT }: { within?: number } = {}): Promise<void> {
  await eventually(() => !isAlive(pid), { within, what: `process ${pid} ends` });
}

/** Waits until the process has ended and its parent has reaped it: for children of a master that is alive. */
export async function untilReaped(pid: number, { within = USUAL_WAIT }: { within?: number } = {}): Promise<void> {
  await eventually(() => processInfo(pid) === undefined, { within, what: `process ${pid} is reaped` });
}

/**
 * kill(2), for processes of the target. On Windows SIGKILL is TerminateProcess; SIGSTOP and SIGCONT freeze and thaw the process that
 * emulates it; there is nothing else.
 */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  if (target.agent === undefined) return void process.kill(pid, signal);
  const local = agent().processes.local(pid);
  if (signal === 'SIGKILL') {
    agent().terminate(pid);
    // A frozen process does not hear that it has been terminated.
    if (local !== undefined && processInfoHere(local)?.state === 'T') process.kill(local, 'SIGKILL');
    return;
  }
  if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') throw new Error(`There is no ${signal} on ${target.name}`);
  if (local === undefined) throw Object.assign(new Error(`kill ESRCH: no process ${pid}`), { code: 'ESRCH' });
  process.kill(local, signal);
}

/** How a process ends that was sent SIGKILL by a process other than its parent: TerminateProcess has an exit code instead. */
export const KILLED =
  target.platform === 'win32' ? { code: 1, signal: null } : ({ code: null, signal: 'SIGKILL' } as const);

/** Direct children, zombies included. */
export function children(pid: number): readonly ProcessInfo[] {
  return processes().filter((info) => info.ppid === pid);
}

/** Open descriptors and what they refer to: `socket:[…]`, `pipe:[…]`, `anon_inode:[…]` or a path. */
export function openFds(pid: number | 'self' = 'self'): ReadonlyMap<number, string> {
  if (pid !== 'self') refuseElsewhere();
  if (!hasProc && pid === 'self') return ownFds();
  const found = new Map<number, string>();
  for (const entry of readdirSync(`/proc/${pid}/fd`)) {
    try {
      found.set(Number(entry), readlinkSync(`/proc/${pid}/fd/${entry}`));
    } catch {
      // The descriptor that lists the folder is itself in the list, and closed by now.
    }
  }
  return found;
}

/** The environment a process was started with; later changes are not in it. Empty when the process is gone or a zombie. */
export function environmentOf(pid: number): ReadonlyMap<string, string> {
  if (target.agent === undefined) return environmentHere(pid);
  return new Map(Object.entries(agent().processes.registered(pid)?.env ?? {}));
}

/** Of a process of this machine. */
export function environmentHere(pid: number): ReadonlyMap<string, string> {
  if (!hasProc) return environmentByPs(pid);
  const pairs = (readProc(pid, 'environ') ?? '').split('\0').filter((pair) => pair.includes('='));
  return new Map(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
}

export function commandLineOf(pid: number): readonly string[] {
  return target.agent === undefined ? commandLineHere(pid) : (agent().processes.registered(pid)?.command ?? []);
}

/** Of a process of this machine. */
export function commandLineHere(pid: number): readonly string[] {
  return (readProc(pid, 'cmdline') ?? '').split('\0').slice(0, -1);
}

/** User and system time in milliseconds since the process started. */
export function cpuTimeOf(pid: number): number {
  refuseElsewhere();
  const stat = readProc(pid, 'stat');
  if (stat === undefined) throw new Error(`process ${pid} is gone`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // Fields 14 and 15 of proc_pid_stat(5), in clock ticks; USER_HZ is 100 on every Linux.
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Resident memory in bytes. */
export function residentMemoryOf(pid: number): number {
  refuseElsewhere();
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readProc(pid, 'status') ?? '');
  if (match === null) throw new Error(`process ${pid} is gone`);
  return Number(match[1]) * 1024;
}

/** On this machine, whatever the target: false for a process that has not yet set up what it does on signals, or that is gone. */
export function handlesSignalsHere(pid: number): boolean {
  return /^SigCgt:\s*0*[1-9a-f]/m.test(readProc(pid, 'status') ?? '');
}

/** The pids of an agent's processes are not those of /proc: a test that looks there needs 'proc'. */
function refuseElsewhere(): void {
  if (target.agent !== undefined) throw new Error(`There is no /proc on ${target.name}`);
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // ESRCH: it ended between open and read. EACCES: another user's process.
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES' || code === 'EPERM') return undefined;
    throw error;
  }
}
