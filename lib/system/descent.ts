/** Who started whom, from proc(5). */

import { readFileSync } from 'node:fs';

/** Wrappers around wrappers; a longer way up is another family. */
const GENERATIONS = 16;

/**
 * Whether `pid` was started, directly or through others, by `ancestor`. False where that cannot be known: a pid from another
 * namespace is the number of a stranger here, and so may be one that was used again.
 */
export function descendsFrom(pid: number, ancestor: number): boolean {
  let current = pid;
  for (let i = 0; i < GENERATIONS && current > 1; i++) {
    const parent = parentOf(current);
    if (parent === ancestor) return true;
    if (parent === undefined) return false;
    current = parent;
  }
  return false;
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // pid (comm) state ppid …: the name may hold spaces and parentheses.
    const [, ppid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return ppid === undefined ? undefined : Number(ppid);
  } catch {
    return undefined;
  }
}
