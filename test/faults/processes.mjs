// What proc(5) says of the processes of a fleet.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** `undefined`: there is no such process, not even a zombie. */
export function stat(pid) {
  const text = read(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  const [state, ppid] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { pid, state, ppid: Number(ppid), dead: state === 'Z' || state === 'X' };
}

export function isAlive(pid) {
  return stat(pid)?.dead === false;
}

/** Children of a process, zombies included. */
export function childrenOf(pid) {
  return pids()
    .map(stat)
    .filter((info) => info?.ppid === pid);
}

/** Living processes with this entry in their environment: what a fleet started, however it is related to its master by now. */
export function marked(entry) {
  return pids().filter((pid) => isAlive(pid) && (read(`/proc/${pid}/environ`) ?? '').split('\0').includes(entry));
}

/** What the descriptors of a process refer to, by number. */
export function descriptors(pid) {
  const found = new Map();
  for (const number of readdirSync(`/proc/${pid}/fd`)) {
    try {
      found.set(number, readlinkSync(`/proc/${pid}/fd/${number}`));
    } catch {
      // Closed meanwhile.
    }
  }
  return found;
}

const pids = () =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

function read(file) {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return undefined; // it is gone
  }
}
