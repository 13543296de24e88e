// What the suite does to a fleet under load. A scenario:
//   name      heading of its table
//   count     how often it does what it does, a tenth of it with --quick
//   within    milliseconds in which it begins something. Default: see cell.mjs
//   least     how often with --quick, if a tenth is less. Default: 1
//   run       gets { fleet, port, row, random, turns, kill, excuse } and returns when the fleet has done everything that it asked for
//   options   for the fleet's server, beside those of the fleet
//   clients   instead of the usual two: options of test/fixtures/load.mjs
//   descriptors  how many every process of the fleet may have open
//   deployed  the program is in a folder of releases; `fleet.deploy(name)`, see releases.mjs
//   needs     a program that is not part of Node: { command, argument }. Without it the scenario is left out
//   only      the name of the one fleet that can do it
//   plain     there is a row for one process of plain Node
//   holds     whether the fleet is held to losing nothing. Default: its `lossless`
//   cell      instead of all that: does everything by itself. Gets what runCell() of cell.mjs gets, and returns such a row
import { setTimeout as delay } from 'node:timers/promises';
import { descriptors } from './descriptors.mjs';
import { kept } from './kept.mjs';
import { podsBehindProxy } from './pods.mjs';
import { stopsBehindProxy } from './proxy.mjs';
import { badReleases } from './releases.mjs';
import { until, untilServing, WORKERS } from './waiting.mjs';

/** Processes to choose a scaling from. */
const [FEWEST, MOST] = [2, 6];
/** Milliseconds of a standstill. */
const STALL = [1_000, 3_000];

export const scenarios = [
  // A short trial: so that there are as many hand-overs as there is time for.
  { name: 'reloads', count: 12, run: reloads, options: { readyFor: 100 } },
  { name: 'SIGKILLs', count: 50, run: kills },
  { name: 'stalls of 1–3 s', count: 20, run: stalls },
  { name: 'scalings', count: 20, run: scalings },
  { name: 'recyclings', count: 20, run: recyclings, options: { recycle: { maxRequests: 60 } } },
  kept,
  stopsBehindProxy,
  podsBehindProxy,
  descriptors,
  badReleases,
  { name: 'all of them mixed', count: 60, run: mixed, options: { recycle: { maxRequests: 500 } } },
];

async function reloads({ fleet, turns }) {
  while (turns.next()) await fleet.call('reload');
}

async function kills({ fleet, random, turns, kill }) {
  while (turns.next()) {
    // With the one that boots, at most two are missing.
    await kill(random.of(await untilServing(fleet, WORKERS - 1)));
  }
  await untilServing(fleet, WORKERS);
}

/** Two of four at a time. */
async function stalls({ fleet, random, turns }) {
  const standing = new Set();
  const lane = async () => {
    while (turns.next()) {
      const ms = random.between(...STALL);
      const pid = random.of((await fleet.call('workers')).filter((worker) => !standing.has(worker)));
      standing.add(pid);
      await fleet.call('stall', pid, ms);
      await delay(ms);
      standing.delete(pid);
    }
  };
  await Promise.all([lane(), lane()]);
}

async function scalings({ fleet, random, turns }) {
  let now = WORKERS;
  while (turns.next()) {
    const sizes = Array.from({ length: MOST - FEWEST + 1 }, (_, index) => FEWEST + index);
    now = random.of(sizes.filter((size) => size !== now));
    await fleet.call('scale', now);
    await untilServing(fleet, now);
  }
}

/** The package recycles by itself; `cluster` needs an order. */
async function recyclings({ fleet, turns }) {
  while (turns.next()) {
    if (fleet.recyclesItself) await untilReplaced(fleet, turns);
    else await fleet.call('recycle');
  }
}

/** Without waiting for one before the next is begun. */
async function mixed({ fleet, random, turns, kill }) {
  const operations = {
    reload: () => unlessKilled(fleet.call('reload')),
    scale: () => unlessKilled(fleet.call('scale', random.between(FEWEST, MOST))),
    stall: async () => fleet.call('stall', random.of(await fleet.call('workers')), random.between(...STALL)),
    kill: async () => {
      const serving = await fleet.call('workers');
      // One worker has to be left.
      if (serving.length > 1) await kill(random.of(serving));
    },
    ...(fleet.recyclesItself ? {} : { recycle: () => unlessKilled(fleet.call('recycle')) }),
  };
  const names = Object.keys(operations);
  const begun = [];
  while (turns.next()) {
    const operation = operations[random.of(names)]();
    // Waited for below; until then it must not end the suite.
    operation.catch(() => {});
    begun.push(operation);
    await delay(random.between(0, 400));
  }
  await Promise.all(begun);
}

/** An operation fails when a worker that it has just started is killed: it cannot know that this says nothing about the program. */
async function unlessKilled(operation) {
  try {
    await operation;
  } catch (error) {
    if (!/killed by SIGKILL|ended before it listened/.test(error.message)) throw error;
  }
}

function untilReplaced(fleet, turns) {
  const replaced = async () => turns.late || (await fleet.call('replaced')) >= turns.done;
  return until(replaced, `${turns.done} workers are recycled`);
}
