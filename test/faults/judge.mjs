// What has to hold after every fault, whatever it was.

import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../loss/waiting.mjs';
import { WORKERS } from './fleet.mjs';
import { heals } from './phases.mjs';
import { childrenOf, descriptors } from './processes.mjs';

/** Milliseconds after which a process that was let go has been reaped, and a descriptor closed. */
const SETTLES = 10_000;
/** For what is usual in workers. Milliseconds between two. */
const LOOKS = 6;
const BETWEEN_LOOKS = 50;
/** A line about a file that stays. */
const LEAVES = /could not|cannot|E[A-Z]{3,}/;

/** Of a fleet that goes on: it has its workers, no zombie, and no process of it has a descriptor more than `before`. @returns what does not hold. */
export async function judgeRunning(fleet, before, beforeInWorkers, keeps) {
  if (!(await heals(fleet)))
    return [fleet.ended ? `the master has ended: ${JSON.stringify(fleet.ended)}` : 'the fleet is not whole again'];
  const wrong = [];
  const children = () => childrenOf(fleet.pid);
  if (!(await eventually(() => children().length === WORKERS, SETTLES)))
    wrong.push(`children: ${JSON.stringify(children())}`);
  const more = await leftOf(() => grown(before, fleet));
  if (more.length > 0) wrong.push(`descriptors more than before: ${more.join(', ')}`);
  if (beforeInWorkers !== undefined) {
    const extra = () => grownBy(beforeInWorkers, kindsInWorkers(fleet)).filter((text) => !text.startsWith(`${keeps} `));
    const more = await leftOf(extra);
    if (more.length > 0) wrong.push(`descriptors of workers more than before: ${more.join(', ')}`);
  }
  return wrong;
}

/** Of a fleet that has ended, or did not start. `before`: the descriptors of a master that goes on as a program. */
export async function judgeOver(fleet, before) {
  const wrong = [];
  const alone = () => fleet.processes().every((pid) => pid === fleet.pid) && childrenOf(fleet.pid).length === 0;
  if (!(await eventually(alone, SETTLES)))
    wrong.push(`left: ${fleet.processes()}, children ${JSON.stringify(childrenOf(fleet.pid))}`);
  if (fleet.ended?.signal === undefined || fleet.ended.signal === null) {
    // What could not be removed is named.
    const left = () =>
      fleet.leftovers().filter((file) => !fleet.log.includes(join(fleet.folder, file)) || !LEAVES.test(fleet.log));
    if (!(await eventually(() => left().length === 0, SETTLES))) wrong.push(`files left: ${left()}`);
  }
  if (before !== undefined && fleet.ended === undefined) {
    const more = await leftOf(() => grown(before, fleet));
    if (more.length > 0) wrong.push(`descriptors more than before: ${more.join(', ')}`);
  }
  return wrong;
}

/** What is left of a list that is to become empty. */
async function leftOf(list) {
  let last = [];
  await eventually(() => {
    last = list();
    return last.length === 0;
  }, SETTLES);
  return last;
}

/** What a master has open, by kind: numbers of sockets and pipes are always new. */
export function kinds(fleet) {
  return fleet.ended === undefined ? counted(fleet, fleet.descriptors()) : new Map();
}

function counted(fleet, targets) {
  const counts = new Map();
  for (const target of targets.values()) {
    const kind = target
      .replace(/:\[.*\]$/, '')
      .replace(fleet.folder, '')
      .replace(/replies-\d+/, 'replies')
      .replace(/tally\/\d+/, 'tally');
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

/** The most of each kind that any worker has open, without the connections of clients. */
function kindsInWorkers(fleet) {
  const most = new Map();
  for (const { pid } of fleet.ended ? [] : childrenOf(fleet.pid)) {
    let counts;
    try {
      const open = fleet.openAt(pid);
      counts = counted(fleet, descriptors(pid));
      counts.set('socket', (counts.get('socket') ?? 0) - Math.max(open, fleet.openAt(pid)));
    } catch {
      continue; // it has ended
    }
    for (const [kind, count] of counts) most.set(kind, Math.max(most.get(kind) ?? 0, count));
  }
  return most;
}

/** What is usual: a connection may end while it is counted, and an order to accept for another slot may be on its way. */
export async function usualInWorkers(fleet) {
  const most = new Map();
  for (let look = 0; look < LOOKS; look++) {
    if (look > 0) await delay(BETWEEN_LOOKS);
    for (const [kind, count] of kindsInWorkers(fleet)) most.set(kind, Math.max(most.get(kind) ?? 0, count));
  }
  return most;
}

/** libuv opens one with the first file that is watched, and keeps it for the life of the process. */
const KEPT_BY_LIBUV = new Map([['anon_inode:inotify', 1]]);

function grown(before, fleet) {
  return before === undefined ? [] : grownBy(before, kinds(fleet));
}

function grownBy(before, now) {
  return [...now]
    .filter(([kind, count]) => count > Math.max(before.get(kind) ?? 0, KEPT_BY_LIBUV.get(kind) ?? 0))
    .map(([kind, count]) => `${kind} ${before.get(kind) ?? 0} → ${count}`);
}
