// One fleet, one scenario, bounded load: one row of the table.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startClient, startFleet } from './processes.mjs';
import { makeTurns } from './turns.mjs';
import { WORKERS } from './waiting.mjs';

/** Milliseconds that a client waits for an answer: the suite may make a worker stand still several times in a row. */
const PATIENCE = 20_000;
/** Two kinds of clients at once. Pauses: the machine must not become the bottleneck, and connections that are kept have to be idle. */
const CLIENTS = [
  { mode: 'per-request', concurrency: 8, pause: 20 },
  { mode: 'keep-alive', concurrency: 8, pause: 40 },
];
/** Milliseconds in which a scenario begins something: all rows of the fleets that are held to something fit into LIMIT of main.mjs. */
const TIME = 40_000;
/** Milliseconds of load before the scenario begins and after it is over. */
const MARGIN = 500;

const SUMMED = ['opened', 'asked', 'answered', 'delayed', 'held', 'reset', 'refused', 'other'];

/** @returns the sums of all clients, what a kill may have cost at most, and what went wrong. */
export async function runCell(cell) {
  return await (cell.scenario.cell ?? usualCell)(cell);
}

async function usualCell({ fleet: { program, options, recyclesItself, lossless }, scenario, random, ...limits }) {
  const { clients: wanted = CLIENTS, descriptors, deployed, holds = lossless } = scenario;
  const folder = await mkdtemp(join(tmpdir(), 'prefork-loss-'));
  const fleet = await startFleet(program, { workers: WORKERS, ...options, ...scenario.options }, folder, {
    descriptors,
    deployed,
  });
  const clients = [];
  const row = emptyRow();
  const turns = turnsOf(scenario, limits);
  const began = performance.now();
  const excuse = (pid) => {
    row.allowed += fleet.openAt(pid) + 1;
  };
  const kill = async (pid) => {
    if (!signal(pid)) return;
    await untilEnded(pid);
    // The worker may have taken one more from the queue, and not counted it yet, when the signal came.
    excuse(pid);
    // The scenario must not take it for alive when it chooses the next one.
    while ((await fleet.call('workers')).includes(pid)) await delay(5);
  };
  try {
    const port = await fleet.call('start');
    clients.push(...wanted.map((client) => startClient({ port, patience: PATIENCE, ...client })));
    await delay(MARGIN);
    await scenario.run({ fleet: Object.assign(fleet, { recyclesItself }), port, row, random, turns, kill, excuse });
    await delay(MARGIN);
  } catch (error) {
    row.broken = true;
    row.failures.push(`the scenario failed: ${error.message}`, ...fleet.log);
  } finally {
    for (const report of await Promise.all(clients.map((client) => client.stop()))) add(row, report);
    noteEnd(row, await fleet.stop(), recyclesItself);
    await rm(folder, { recursive: true });
  }
  return finished(row, turns, began, holds);
}

export function emptyRow() {
  return { ...Object.fromEntries(SUMMED.map((name) => [name, 0])), allowed: 0, worst: 0, failures: [], notes: [] };
}

/**
 * @param wrong As stop() of a fleet says it.
 * @param own The fleet is one of this package: the end of another one is only told.
 */
export function noteEnd(row, wrong, own) {
  if (wrong === undefined) return;
  if (own) row.broken = true;
  (own ? row.failures : row.notes).push(wrong);
}

/** @param most What the slowest fleet before this one has done: rows that are compared did the same. */
export function turnsOf({ count, least = 1, within = TIME }, { share, most }) {
  return makeTurns(Math.min(most, Math.max(least, Math.round(count * share))), within);
}

/** @param holds Whether the fleet is held to losing no more than allowed. */
export function finished(row, { done, count }, began, holds) {
  const lost = row.reset + row.refused + row.other;
  const seconds = (performance.now() - began) / 1_000;
  return { ...row, done, count, seconds, lost, verdict: verdictOf({ ...row, lost, holds }) };
}

function verdictOf({ broken, answered, lost, allowed, holds }) {
  if (broken || answered === 0) return 'FAILED';
  if (!holds) return '';
  return lost <= allowed ? 'ok' : 'LOST';
}

function add(row, report) {
  for (const name of SUMMED) row[name] += report[name];
  row.worst = Math.max(row.worst, report.worst);
  row.failures.push(...report.failures.map((text) => `${report.mode}: ${text}`));
}

function signal(pid) {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
    return false; // the fleet replaced it meanwhile
  }
}

/** A zombie has ended as well: its master may be busy. Polled, because the worker is not our child. */
async function untilEnded(pid) {
  for (;;) {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined);
    const state = stat?.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
    if (state === undefined || state === 'Z' || state === 'X') return;
    await delay(5);
  }
}
