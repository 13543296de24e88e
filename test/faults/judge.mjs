// What has to hold after every fault, whatever it was.

import { eventually } from '../loss/waiting.mjs';
import { WORKERS } from './fleet.mjs';
import { heals } from './phases.mjs';
import { childrenOf } from './processes.mjs';

/** Milliseconds after which a process that was let go has been reaped, and a descriptor closed. */
const SETTLES = 4_000;

/** Of a fleet that goes on: it has its workers, no zombie, and no descriptor more than `before`. @returns what does not hold. */
export async function judgeRunning(fleet, before) {
  if (!(await heals(fleet)))
    return [fleet.ended ? `the master has ended: ${JSON.stringify(fleet.ended)}` : 'the fleet is not whole again'];
  const wrong = [];
  const children = () => childrenOf(fleet.pid);
  await eventually(() => children().length === WORKERS && !grown(before, fleet).length, SETTLES);
  if (children().length !== WORKERS) wrong.push(`children: ${JSON.stringify(children())}`);
  const more = grown(before, fleet);
  if (more.length > 0) wrong.push(`descriptors more than before: ${more.join(', ')}`);
  return wrong;
}

/** Of a fleet that has ended, or did not start. `before`: the descriptors of a master that goes on as a program. */
export async function judgeOver(fleet, before) {
  const wrong = [];
  const alone = () => fleet.processes().every((pid) => pid === fleet.pid) && childrenOf(fleet.pid).length === 0;
  if (!(await eventually(alone, SETTLES)))
    wrong.push(`left: ${fleet.processes()}, children ${JSON.stringify(childrenOf(fleet.pid))}`);
  if (before !== undefined && fleet.ended === undefined) {
    await eventually(() => !grown(before, fleet).length, SETTLES);
    const more = grown(before, fleet);
    if (more.length > 0) wrong.push(`descriptors more than before: ${more.join(', ')}`);
  }
  return wrong;
}

/** What a master has open, by kind: numbers of sockets and pipes are always new. */
export function kinds(fleet) {
  const counts = new Map();
  if (fleet.ended !== undefined) return counts;
  for (const target of fleet.descriptors().values()) {
    const kind = target
      .replace(/:\[.*\]$/, '')
      .replace(fleet.folder, '')
      .replace(/replies-\d+/, 'replies');
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

/** libuv opens one with the first file that is watched, and keeps it for the life of the process. */
const KEPT_BY_LIBUV = new Map([['anon_inode:inotify', 1]]);

function grown(before, fleet) {
  if (before === undefined) return [];
  return [...kinds(fleet)]
    .filter(([kind, count]) => count > Math.max(before.get(kind) ?? 0, KEPT_BY_LIBUV.get(kind) ?? 0))
    .map(([kind, count]) => `${kind} ${before.get(kind) ?? 0} → ${count}`);
}
