// The mix: a fleet under load, to which everything happens at once, in rounds. After each round it comes to rest, and is looked at.
import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { median, memory } from '../../bench/lib/processes.mjs';
import { startClient, startFleet } from '../loss/processes.mjs';
import { makeRandom } from '../loss/random.mjs';
import { until, WORKERS } from '../loss/waiting.mjs';
import { act, LIVENESS, MOST, nextRound } from './actions.mjs';
import { descriptorsOf, orphans, slopeOf, zombiesOf } from './counts.mjs';
import { explain, makeLedger } from './ledger.mjs';

/** One makes a connection for every request, one keeps its connections, one keeps them and hardly uses them. */
const CLIENTS = [
  { mode: 'per-request', concurrency: 8, pause: 20 },
  { mode: 'keep-alive', concurrency: 8, pause: 40 },
  { mode: 'keep-alive', concurrency: 16, pause: 3_000 },
];
/** Milliseconds that a client waits for an answer. */
const PATIENCE = 30_000;
/** Longer than any run. */
const ENDLESS = { requests: 1e9, duration: 2 ** 31 - 1 };
/** Enough for everything but a hoarder. */
const DESCRIPTORS = 512;
const OPTIONS = {
  workers: WORKERS,
  logFormat: 'json',
  readyFor: 100,
  livenessTimeout: LIVENESS,
  recycle: { maxRequests: 2_000 },
};
/** Failures of operations that say nothing: a worker that they had just started was killed, or could not be started in time. */
const OF_KILLS =
  /killed by SIG|got SIGTERM, not from the master|exited with code|before it was ready|could not be started|EMFILE|kill ESRCH/;

/** @returns a row for report.mjs. */
export async function mix({ fleet: { name, program, options }, seed, folder, log, until: end, signal, say }) {
  const random = makeRandom(seed);
  let ledger;
  const fleet = await startFleet(program, { ...OPTIONS, ...options }, folder, {
    descriptors: DESCRIPTORS,
    onLine(line) {
      if (log !== undefined) appendFileSync(log, `${line}\n`);
      ledger?.hear(line);
    },
  });
  ledger = makeLedger(fleet);
  const row = { name, looks: [], actions: {}, failed: {}, broken: [], clients: [] };
  const clients = [];
  try {
    const port = await fleet.call('start');
    clients.push(
      ...CLIENTS.map((client) => startClient({ port, patience: PATIENCE, traced: true, ...ENDLESS, ...client })),
    );
    const master = await fleet.call('master');
    // What it opens once and keeps, as the sockets of slots that are taken away, it has opened before the first look.
    await fleet.call('scale', MOST);
    await fleet.call('reload');
    const look = async () => {
      await atRest(fleet);
      row.looks.push(await lookAt(fleet, master, ledger));
    };
    await look();
    while (!signal.aborted && performance.now() < end()) {
      await playRound(nextRound(random), { fleet, ledger, row, signal, end });
      await look();
      say(`mix: ${name}: ${sum(row.actions)} actions, ${ledger.recoveries.length} recoveries`);
    }
  } catch (error) {
    row.broken.push(`the soak failed: ${error.stack}`, ...fleet.log);
  } finally {
    row.clients = await Promise.all(clients.map((client) => client.stop()));
    const wrong = await fleet.stop();
    if (wrong !== undefined) row.broken.push(wrong);
  }
  return judged(row, ledger);
}

/** Without waiting for one action before the next is begun. */
async function playRound(round, { fleet, ledger, row, signal, end }) {
  const begun = [];
  for (const action of round) {
    if (signal.aborted || performance.now() > end()) break;
    row.actions[action.name] = (row.actions[action.name] ?? 0) + 1;
    const acted = act(action, { fleet, ledger }).catch(({ message }) => {
      row.failed[action.name] = (row.failed[action.name] ?? 0) + 1;
      if (!OF_KILLS.test(message)) row.broken.push(`${action.name} failed: ${message}`);
    });
    begun.push(acted);
    await delay(action.pause, undefined, { signal }).catch(() => {});
  }
  await Promise.all(begun);
}

/** As many workers as at first, all of which serve, and none beside them. */
async function atRest(fleet) {
  await until(
    () =>
      fleet.call('scale', WORKERS).then(
        () => true,
        () => false,
      ),
    'the fleet is scaled back',
  );
  await until(async () => {
    const { workers } = await fleet.call('status');
    return workers.length === WORKERS && workers.every(({ state }) => state === 'ready');
  }, 'the fleet is at rest');
}

async function lookAt(fleet, master, ledger) {
  const { workers } = await fleet.call('status');
  const before = zombiesOf(master);
  const { heap, rss } = await fleet.call('memory');
  await delay(100);
  return {
    at: performance.now(),
    ended: ledger.deaths.length,
    heap,
    rss,
    descriptors: descriptorsOf(master),
    // Beside those of its clients.
    ofWorkers: median(workers.map(({ pid }) => Math.max(0, descriptorsOf(pid) - fleet.openAt(pid)))),
    rssOfWorkers: median(workers.flatMap(({ pid }) => residentOf(pid))) * 1_024,
    // One that is reaped between two looks was none.
    zombies: zombiesOf(master).filter((pid) => before.includes(pid)).length,
    orphans: orphans().length,
  };
}

/** Kilobytes. Empty for a worker that stood still, and was killed for it just now. */
function residentOf(pid) {
  try {
    return [memory(pid).rss];
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error;
    return [];
  }
}

/** Bytes that the master's heap may grow by for each worker that ended, and what says nothing. */
const [GROWTH, NOISE] = [1_024, 1_024 ** 2];
/** Bytes of resident memory: V8 compiles what runs often, in steps of some megabytes. */
const RESIDENT = 32 * 1_024 ** 2;

function judged(row, ledger) {
  const { looks, clients, broken } = row;
  const lost = clients.flatMap((client) => client.lost);
  const { causes, unexplained } = explain(lost, ledger.deaths, ledger.shortages);
  for (const request of unexplained.slice(0, 20)) broken.push(`lost without a reason: ${JSON.stringify(request)}`);
  if (unexplained.length > 0) broken.push(`${unexplained.length} of ${lost.length} losses have no reason`);
  broken.push(...ledger.strange.map((end) => `for no reason: ${end}`));
  const [first, last] = [looks[0], looks.at(-1)];
  const result = { ...row, lost: lost.length, causes, ends: ledger.causes };
  Object.assign(result, { unexplained: unexplained.length, recoveries: ledger.recoveries, recycled: ledger.recycled });
  if (first === undefined) return result;
  // V8 compiles what the first rounds do for the first time.
  const settled = looks.slice(looks.length >> 1);
  const grown = slopeOf(settled.map(({ at, heap }) => [at, heap])) * (last.at - settled[0].at);
  if (grown > GROWTH * (last.ended - settled[0].ended) + NOISE)
    broken.push(`the master's heap grew by ${Math.round(grown)} bytes`);
  if (last.rss - first.rss > RESIDENT) broken.push(`the master's memory grew by ${last.rss - first.rss} bytes`);
  // Fewer: libuv gives its spare descriptor away when there is no other, and may not get it back.
  if (last.descriptors > first.descriptors) {
    broken.push(`the master's descriptors: ${first.descriptors}, then ${last.descriptors}`);
  }
  if (looks.some(({ zombies }) => zombies > 0)) broken.push('zombies');
  if (looks.some((look) => look.orphans > 0)) broken.push('orphans');
  return result;
}

function sum(counts) {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
