/** What holds whatever happens: after each step, once a fleet is left alone, and when it is over. */

import type { FakeWorker } from '../fake-system.js';
import { atMost, claim, none, same } from './claims.js';
import { checkSharing } from './sharing.js';
import { asked, type World } from './world.js';

/** An exit that may belong to a stop is judged so many milliseconds later. */
const GROUP_RACE = 100;
/** Milliseconds that a trial lasts longer than `readyFor`: its margin, and once more after a stall. */
const TRIAL = 500;
/** `readyTimeout`: so long a master waits for recoveries that run before it ends a fleet that it has given up. */
const GIVES_UP_WITHIN = 30_000;
/** Milliseconds: longer than every timeout, delay and window of the fleet together. */
const LONG = 600_000;
/** Of a fleet that is left alone the watch of its event loops has a timer, and nothing else. */
const TIMERS_AT_REST = 1;

/** Holds after every step. */
export function checkStep(world: World): void {
  checkProcesses(world);
  checkSlots(world);
  checkPairs(world);
  checkReminded(world);
  checkSharing(world);
  checkListeners(world);
  if (world.over !== undefined) checkOver(world);
}

/** No process is forgotten, and none is listed that is gone, unless its exit is about to be judged. */
function checkProcesses(world: World): void {
  const { fleet, system, corpses } = world;
  const listed = fleet.master.workers;
  const alive = new Set(system.workers.filter((worker) => !worker.gone).map(({ pid }) => pid));
  const known = new Set(listed.map(({ pid }) => pid));
  // Whom no signal ends the master lets go in the end.
  if (world.over === undefined) for (const pid of alive) claim(known.has(pid), `the master does not know pid ${pid}`);
  const now = system.now();
  for (const { pid } of listed) {
    if (alive.has(pid)) continue;
    const since = corpses.get(pid) ?? now;
    corpses.set(pid, since);
    atMost(now - since, GROUP_RACE, `milliseconds since pid ${pid} has gone, unjudged`);
  }
}

/** Every slot has a worker, or is about to get one. */
function checkSlots(world: World): void {
  const { fleet, system, count, promised, givenUp, established } = world;
  const { master } = fleet;
  const now = system.now();
  if (givenUp !== undefined && world.hanging.size === 0)
    claim(master.ending || now - givenUp <= GIVES_UP_WITHIN, 'a fleet that was given up has not ended');
  if (!established || givenUp !== undefined || (master.ending && !master.waits)) return;
  const listed = master.workers;
  for (let slot = 0; slot < count; slot++) {
    const ofSlot = world.live().filter(({ launch }) => launch.slot === slot);
    // Killed, and no signal ends it: nobody can do more for the slot until it is gone.
    const filled = ofSlot.some((worker) => !asked(worker) || isKilledForFault(worker));
    const judged = listed.some((worker) => worker.slot === slot && worker.state === 'exited');
    const due = (promised.get(slot) ?? Number.NEGATIVE_INFINITY) >= now;
    claim(filled || judged || due, `slot ${slot} has no worker, and is to get none`);
  }
}

function isKilledForFault(worker: FakeWorker): boolean {
  return worker.signals[0] === 'SIGKILL' && !worker.received.some(({ type }) => type === 'drain');
}

/**
 * No slot is filled twice: it has one worker that is, or is to be, the first, and one that is to take over from it; not both with the same
 * code while they boot, and not both as servers for longer than a trial. No more slots change hands than may.
 */
function checkPairs(world: World): void {
  const { system, setting, pairs } = world;
  // One that failed on trial, and leaves by itself, has no place any more.
  const fillers = world.fillers().filter(({ leaves }) => !leaves);
  const now = system.now();
  const seen = new Set<string>();
  let changing = 0;
  for (const slot of new Set(fillers.map(({ launch }) => launch.slot))) {
    const ofSlot = fillers.filter(({ launch }) => launch.slot === slot);
    atMost(ofSlot.length, 2, `workers of slot ${slot}`);
    if (ofSlot.length < 2) continue;
    changing++;
    const [a, b] = ofSlot as [FakeWorker, FakeWorker];
    if (!a.isReady && !b.isReady)
      claim(a.launch.generation !== b.launch.generation, `two workers of one generation boot for slot ${slot}`);
    if (!a.isReady || !b.isReady) continue;
    const pair = `${a.pid} ${b.pid}`;
    seen.add(pair);
    // Somebody waits for the hook of the new one; or no timer could run.
    const excused = world.hanging.size > 0 || world.stoodAt === now;
    const since = excused ? now : (pairs.get(pair) ?? now);
    pairs.set(pair, since);
    atMost(now - since, setting.readyFor + TRIAL, `milliseconds in which pids ${pair} both serve slot ${slot}`);
  }
  for (const pair of pairs.keys()) if (!seen.has(pair)) pairs.delete(pair);
  atMost(changing, setting.maxSurge, 'slots that change hands');
}

/** Who was asked to go by a signal, and became ready all the same, was asked again. */
function checkReminded(world: World): void {
  for (const worker of world.live())
    if (worker.isReady && worker.signals.every((signal) => signal === 'SIGTERM') && asked(worker) && !worker.deaf)
      claim(
        worker.received.some(({ type }) => type === 'drain'),
        `pid ${worker.pid} was not asked again`,
      );
}

/** Closed exactly once, and while no worker of a fleet that drains accepts, or may yet: one that is stuck is not waited for. */
function checkListeners(world: World): void {
  const { fleet, system, over } = world;
  same(system.closedFds.length, new Set(system.closedFds).size, 'sockets that were closed');
  const { ending, waits } = fleet.master;
  if (!ending || waits) same(system.closedListeners, 0, 'listeners that are closed while the fleet serves');
  else if (over !== undefined && system.opened) same(system.closedListeners, 1, 'listeners that are closed in the end');
  else if (over === undefined && system.closedListeners > 0) {
    const live = world.live();
    world.stuck ??= new Set(live.filter(({ isReady, refused }) => !isReady && refused.includes('SIGKILL')));
    none(
      live.filter((worker) => worker.isReady && world.stuck?.has(worker) !== true).map(({ pid }) => pid),
      'workers that accept from a closed listener',
    );
  }
}

/** The end has its reason, and leaves nothing. */
function checkOver(world: World): void {
  const { system, over, fleet } = world;
  const left = world.live().filter(({ behaviour }) => behaviour.mortal !== false && behaviour.foreign !== true);
  none(
    left.map(({ pid }) => pid),
    'workers that live after the end',
  );
  same(fleet.master.status().state, 'stopped', 'the state in the end');
  same(system.pendingTimers, 0, 'timers after the end');
  const handlers = [...system.handlers.values()].reduce((sum, { size }) => sum + size, 0);
  same(handlers, 0, 'signal handlers after the end');
  const { code, message } = (over?.error ?? {}) as NodeJS.ErrnoException;
  if (over?.error === undefined) claim(world.stopped, 'a fleet ended, and nobody had asked for that');
  else if (code === 'ERR_PREFORK_OVER_RECOVERY') claim(world.mayEnd, 'a fleet that could serve was ended');
  else if (code === 'ERR_PREFORK_HOOK') claim(world.hookFailed, `a fleet ended without a reason: ${message}`);
  else
    claim(
      code === 'ERR_PREFORK_BOOT_FAILED' && world.disturbed && !world.established,
      `a fleet ended without a reason: ${message}`,
    );
}

/** Left alone with workers that behave, the fleet serves in every slot, or ends. */
export async function checkCalm(world: World): Promise<void> {
  world.soothe();
  const { system, fleet } = world;
  await system.advance(LONG, () => {
    // Who stood still, and was to boot or to end, does so a while later.
    return world.over !== undefined || (isAtRest(world) && fleet.master.status().state === 'running');
  });
  checkStep(world);
  if (world.over !== undefined) {
    none(world.pending, 'promises that have not settled');
    return;
  }
  same(fleet.master.status().state, 'running', 'the state of a fleet that is left alone');
  same(world.pending.join(), 'finished', 'promises that have not settled');
  const slots = world.serving().map(({ launch }) => launch.slot);
  same(slots.toSorted().join(), [...Array(world.slots).keys()].join(), 'slots that serve');
  same(world.live().length, world.slots, 'workers');
  same(system.pendingTimers, TIMERS_AT_REST, 'timers of a fleet at rest');
}

function isAtRest(world: World): boolean {
  return (
    world.promises.every(({ what, settled }) => settled || what === 'finished') &&
    world.live().length === world.slots &&
    world.serving().length === world.slots &&
    world.system.pendingTimers === TIMERS_AT_REST
  );
}

/** In the end every slot serves, unless the fleet had a reason to end; and a stop leaves nothing. */
export async function checkOutcome(world: World): Promise<void> {
  const { system, fleet } = world;
  // What hangs may hang for ever: a stop does not wait for it.
  if (!world.stopped) await checkCalm(world);
  if (world.over === undefined) {
    world.stopped = true;
    world.watch('the last stop()', fleet.master.stop());
  }
  await system.advance(LONG, () => world.over !== undefined);
  checkStep(world);
  none(world.pending, 'promises that have not settled');
}
