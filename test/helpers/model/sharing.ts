/** What workers share with each other: the sockets of slots under `'sharded'`, the rows of the board where they stand in line. */

import type { FakeWorker } from '../fake-system.js';
import { claim, none, same } from './claims.js';
import type { World } from './world.js';

export function checkSharing(world: World): void {
  if (world.setting.sharing === 'line') checkBoard(world);
  else if (world.setting.sharing === 'sharded') checkSockets(world);
}

/** No two workers have one row, and the board is closed when all are gone, and not before. */
function checkBoard({ fleet, system, over }: World): void {
  const taken = new Set<string>();
  for (const entry of system.board) {
    const [what, row = ''] = entry.split(' ');
    if (what === 'take') claim(!taken.has(row), `row ${row} was taken twice`);
    if (what === 'take') taken.add(row);
    if (what === 'clear') claim(taken.delete(row), `row ${row} was not taken`);
  }
  const live = system.workers.filter((worker) => !worker.gone);
  for (const { launch, pid } of live) claim(taken.has(String(launch.board?.row)), `pid ${pid} has lost its row`);
  const closed = system.board.filter((entry) => entry === 'close').length;
  const { ending, waits } = fleet.master;
  if (!ending || waits) same(closed, 0, 'times that the board was closed while the fleet serves');
  else if (over !== undefined && live.length === 0 && system.board.length > 0)
    same(closed, 1, 'times that the board was closed');
}

/** What no worker of a slot accepts, all others do; new connections go to slots with workers that accept. */
function checkSockets(world: World): void {
  const { fleet, system, full, refused } = world;
  const { master } = fleet;
  if (!world.established || (master.ending && !master.waits)) return;
  const ready = new Set(master.workers.filter(({ state }) => state === 'ready').map(({ pid }) => pid));
  const workers = world.live().filter(({ pid }) => ready.has(pid));
  // Whether the master takes a worker that stands still for one that serves depends on what waits at its slot.
  const maybe = workers.filter(({ behaviour }) => behaviour.blocked === true);
  const serves = (worker: FakeWorker): boolean => !full.has(worker) && !maybe.includes(worker);
  const steered = new Set((system.steered.at(-1) ?? '').split(',').filter(Boolean).map(Number));
  for (const slot of steered) claim(!system.deaf.has(slot), `slot ${slot}, which is deaf, gets new connections`);
  for (const { launch } of workers) world.served.add(launch.slot);
  // Where no slot serves, clients wait for one at each that ever had a worker.
  const nowhere =
    !workers.some(serves) && [...world.served].every((slot) => system.deaf.has(slot) || steered.has(slot));
  for (const slot of world.served) {
    const own = workers.filter(({ launch }) => launch.slot === slot);
    const others = workers.filter(({ launch }) => launch.slot !== slot);
    if (own.some(serves)) {
      claim(steered.has(slot), `slot ${slot}, which serves, gets no new connections`);
      none(
        others.filter(({ adopted }) => adopted.has(slot)).map(({ pid }) => pid),
        `others that accept for slot ${slot}, which serves`,
      );
    } else if (!own.some((worker) => maybe.includes(worker))) {
      claim(!steered.has(slot) || nowhere, `slot ${slot}, where none serves, gets new connections`);
      const excused = refused.get(slot);
      none(
        others
          .filter((worker) => serves(worker) && !worker.adopted.has(slot) && !excused?.has(worker))
          .map(({ pid }) => pid),
        `who serves, and does not accept for slot ${slot}, where none does`,
      );
    }
  }
}
