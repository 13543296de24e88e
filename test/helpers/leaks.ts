/** C15: what a test left behind. The setup looks for it after every test file and once more at the end of the run. */

import { eventually } from './eventually.js';
import {
  commandLineHere,
  environmentHere,
  handlesSignalsHere,
  isDead,
  openFds,
  type ProcessInfo,
  processesHere,
} from './processes.js';
import { target } from './target.js';

/**
 * In the environment of everything that a test file starts: the id of the run and the file. A vitest worker sets it at run
 * time, which /proc/<pid>/environ does not show, so that vitest's own processes are never found under it.
 */
export const MARK = 'PREFORK_TEST_RUN';

/** Sessions that the helpers started: finds processes that were given an environment without {@link MARK}. */
const sessions = new Set<number>();

export function watchSession(session: number): void {
  sessions.add(session);
}

/**
 * Processes that a test started and that are still there: marked with `mark` (a prefix of the value will do), in a session of a helper, or,
 * where tests run in this process, a child of it, zombies included: then no test reaped it.
 */
export function leftProcesses(mark: string, { children = true } = {}): readonly ProcessInfo[] {
  return processesHere().filter((info) => {
    if (info.pid === process.pid) return false;
    if (info.ppid === process.pid) return children;
    if (isDead(info) || isOfWine(info.pid)) return false;
    const marked = environmentHere(info.pid).get(MARK);
    // A mark of another file: the number of a session that is over may come again.
    return marked === undefined ? sessions.has(info.session) : marked.startsWith(mark);
  });
}

/** Wine starts a desktop when a program wants one, and ends it a moment after the last such program. */
function isOfWine(pid: number): boolean {
  return target.agent !== undefined && /\\(explorer|conhost)\.exe$/i.test(commandLineHere(pid)[0]?.trimEnd() ?? '');
}

/**
 * A process that Wine has not made one of Windows: it waits for the first answer of wineserver, on a pipe whose other end it holds as well.
 * It does so for ever when its parent is terminated at that moment. A program in C that starts six processes and is terminated meanwhile
 * leaves one in 50 to 120 times, in a job with JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE, too. What runs has handlers, and the command line of Windows.
 */
function isUnborn(pid: number): boolean {
  return target.agent !== undefined && /\/wine(64)?$/.test(commandLineHere(pid)[0] ?? '') && !handlesSignalsHere(pid);
}

export function describeProcess({ pid, ppid, state, name }: ProcessInfo): string {
  const command = commandLineHere(pid).join(' ').slice(0, 300);
  return `${pid} (parent ${ppid}, state ${state}) ${command === '' ? name : command}`;
}

/**
 * Waits until no process is left, ends those that stay, and returns a line for each of them. The wait is short: it only covers a process
 * that has ended for its peers but not yet for the kernel. A process that {@link isUnborn} is ended, too, and gets no line.
 * @param children Whether the children of this process are those of tests. Default: they are.
 */
export async function endLeftProcesses(
  mark: string,
  { within = 2_000, children = true }: { within?: number; children?: boolean } = {},
): Promise<string[]> {
  const left = (): readonly ProcessInfo[] => leftProcesses(mark, { children });
  const none = (): boolean => left().length === 0;
  if (await holds(none, within)) return [];
  const found = new Map<number, string>();
  // Again and again, because a supervisor among them may start another one while it is being ended.
  await holds(() => {
    for (const info of left()) {
      if (!found.has(info.pid) && !isUnborn(info.pid)) found.set(info.pid, describeProcess(info));
      if (!isDead(info)) kill(info.pid);
    }
    return none();
  }, 5_000);
  return [...found.values()];
}

/**
 * Descriptors of this process that are not in `before`. The kinds that Node and libuv open once and keep (epoll, eventfd,
 * io_uring, inotify) are not counted: no test can own one without one of the other kinds.
 */
export function leftDescriptors(before: ReadonlyMap<number, string>): string[] {
  const ofTheRuntime = /^anon_inode:(\[(eventpoll|eventfd|io_uring)\]|inotify)$/;
  return [...openFds()]
    .filter(([fd, target]) => before.get(fd) !== target && !ofTheRuntime.test(target))
    .map(([fd, target]) => `${fd} -> ${target}`);
}

/** Like {@link leftDescriptors}, once those have had time to go that are closed asynchronously (sockets, handles of libuv). */
export async function settledDescriptors(before: ReadonlyMap<number, string>, within = 2_000): Promise<string[]> {
  return (await holds(() => leftDescriptors(before).length === 0, within)) ? [] : leftDescriptors(before);
}

/** Variables that were set, changed or deleted. Vitest's own are its own business. */
export function leftVariables(before: NodeJS.ProcessEnv, now: NodeJS.ProcessEnv = process.env): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])].filter(
    (name) => !name.startsWith('VITEST'),
  );
  return names
    .filter((name) => before[name] !== now[name])
    .map((name) => `${name}: ${JSON.stringify(before[name]) ?? 'unset'} -> ${JSON.stringify(now[name]) ?? 'unset'}`);
}

async function holds(condition: () => boolean, within: number): Promise<boolean> {
  return eventually(condition, { within }).then(
    () => true,
    () => false,
  );
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
