// Recoveries by the thousand: workers are killed, or end at once, and nothing of them may stay in the master. Most workers are shells,
// which start in a millisecond; those of Node are fewer.
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startFleet } from '../loss/processes.mjs';
import { until } from '../loss/waiting.mjs';
import { descriptorsOf, zombiesOf } from './counts.mjs';
import { COMMAND_FLEET, PREFORK_FLEET } from './fleets.mjs';
import { judgeHeap } from './heap.mjs';

/** How often the master is looked at: the first look comes after so much has been compiled and kept as ever will be. */
const LOOKS = 10;
/** Slots that are filled again at a time. */
const SHELLS = 16;
/** So many boot at a time, more than most machines have CPUs: none of these waits for the next kill. */
const NODES = 8;
/** Recoveries, unless the user asks for a number: a worker of Node takes fifty times as long to start as a shell. */
const [OF_SHELLS, OF_NODE] = [10_000, 300];

/** Ends at once while the file is there, and else lives until it is killed. It is started as `readiness: 'spawn'`. */
const shell = (file) => ({
  exec: '/bin/sh',
  args: ['-c', 'test -e "$0" || exec sleep 100000; exit 1', file],
  readiness: 'spawn',
  workers: SHELLS,
});
const everything = (folder) => ({
  stdio: 'pipe',
  logFormat: 'json',
  pidFile: join(folder, 'pid'),
  admin: join(folder, 'door'),
  metrics: { port: 0 },
});

export const cells = [
  { name: 'shells, killed', ...PREFORK_FLEET, options: shell },
  { name: 'shells that end at once', ...PREFORK_FLEET, options: shell, endAtOnce: true },
  {
    name: 'the same with pipes, JSON, admin, metrics',
    ...PREFORK_FLEET,
    options: (file, folder) => ({ ...shell(file), ...everything(folder) }),
    endAtOnce: true,
  },
  { name: 'Node, shared', ...PREFORK_FLEET, options: () => ({ sharing: 'shared', workers: NODES }), node: true },
  { name: 'Node, sharded', ...PREFORK_FLEET, options: () => ({ sharing: 'sharded', workers: NODES }), node: true },
  { name: 'Node, the command', ...COMMAND_FLEET, options: () => ({ sharing: 'shared', workers: NODES }), node: true },
];

/**
 * @param chosen Some of `cells`.
 * @returns rows for report.mjs; each has `broken`, the bounds that it broke, in words.
 */
export async function recoveries(chosen, { counts, folder, signal, say }) {
  const rows = [];
  for (const cell of chosen) {
    if (signal.aborted) break;
    const row = await recoverMany(cell, {
      count: counts.recoveries ?? (cell.node ? OF_NODE : OF_SHELLS),
      folder,
      signal,
    });
    say(`recoveries: ${cell.name}: ${row.recovered} in ${row.seconds} s`);
    rows.push(row);
  }
  return rows;
}

async function recoverMany({ name, program, options, endAtOnce = false }, { count, folder, signal }) {
  const endsAtOnce = join(folder, 'ends-at-once');
  const given = { recoverInterval: 0, readyFor: 0, ...options(endsAtOnce, folder) };
  const fleet = await startFleet(program, given, folder, { tally: false });
  const looks = [];
  let wrong;
  const began = performance.now();
  try {
    await fleet.call('start');
    const master = await fleet.call('master');
    const look = async () => {
      await untilCalm(fleet, given.workers);
      const { heap, rss } = await fleet.call('memory');
      const { recoveries } = await fleet.call('status');
      looks.push({ recoveries, heap, rss, descriptors: descriptorsOf(master), zombies: zombiesOf(master).length });
    };
    for (let i = 1; i <= LOOKS + 1 && !signal.aborted; i++) {
      const wanted = Math.ceil((count * i) / (LOOKS + 1));
      if (endAtOnce) await endAll(fleet, endsAtOnce, wanted, signal);
      else await killAll(fleet, wanted, signal);
      await look();
    }
  } finally {
    rmSync(endsAtOnce, { force: true });
    wrong = await fleet.stop();
  }
  const verdict = verdictOn(name, looks, Math.round((performance.now() - began) / 1_000));
  if (wrong !== undefined) verdict.broken.push(wrong);
  return verdict;
}

/** Each as soon as it is ready: none waits for the others. */
async function killAll(fleet, wanted, signal) {
  let before = -1;
  for (;;) {
    const more = await until(async () => {
      const status = await fleet.call('status');
      return (signal.aborted || status.recoveries > before) && status;
    }, `more than ${before} recoveries`);
    if (signal.aborted || more.recoveries >= wanted) return;
    before = more.recoveries;
    for (const { pid, state } of more.workers) if (state === 'ready') kill(pid);
  }
}

/** The workers that live see the file only when they are started again. */
async function endAll(fleet, file, wanted, signal) {
  if (!existsSync(file)) writeFileSync(file, '');
  for (const { pid } of (await fleet.call('status')).workers) kill(pid);
  await until(async () => signal.aborted || (await fleet.call('status')).recoveries >= wanted, `${wanted} recoveries`);
  rmSync(file);
}

function untilCalm(fleet, count) {
  let before;
  return until(async () => {
    const { workers } = await fleet.call('status');
    const pids = workers.filter(({ state }) => state === 'ready').map(({ pid }) => pid);
    const same = pids.length === count && workers.length === count && String(pids) === before;
    before = String(pids);
    return same;
  }, 'no worker ends any more');
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error; // it has ended by itself
  }
}

function verdictOn(name, looks, seconds) {
  const [first, last] = [looks[0], looks.at(-1)];
  if (first === undefined) return { name, recovered: 0, seconds, broken: [] };
  const { growth, later, broken } = judgeHeap(looks);
  const zombies = looks.reduce((total, look) => total + look.zombies, 0);
  if (last.descriptors !== first.descriptors)
    broken.push(`descriptors: ${first.descriptors}, then ${last.descriptors}`);
  if (zombies > 0) broken.push(`${zombies} zombies`);
  return { name, recovered: last.recoveries, seconds, growth, later, first, last, zombies, broken };
}
