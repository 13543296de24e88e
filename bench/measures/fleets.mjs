// The cost of a fleet by the number of its workers: time until all are ready, memory of master and worker, and the time of a reload.
import { setTimeout as delay } from 'node:timers/promises';
import { median, memory } from '../lib/processes.mjs';
import { say } from '../lib/report.mjs';
import { available, startServer, withServer } from '../lib/servers.mjs';
import { sections } from '../sections/fleets.mjs';

export { sections };
export const title = 'Start, reload and memory of a fleet';

const MODES = ['cluster', 'pm2', 'shared', 'sharded'];
const QUICK = ['cluster', 'shared'];
const SIZES = { quick: [2, 8], full: [1, 2, 4, 8, 16, 64] };
/** The number of workers whose reload is measured. */
const RELOADED = 8;
/** Until the memory after a start has settled. */
const SETTLE_MS = 1_500;
const startsOf = (workers, quick) => (quick || workers > 4 ? 1 : 2);

export async function run({ quick, peers }) {
  const bare = await withServer('single', { app: {} }, peers, async ({ pids: [pid], readyIn }) => {
    await delay(SETTLE_MS);
    return { readyIn, memory: memory(pid) };
  });
  const modes = {};
  for (const mode of available(quick ? QUICK : MODES, peers)) {
    modes[mode] = [];
    for (const workers of SIZES[quick ? 'quick' : 'full']) {
      say(`${mode}: ${workers} workers`);
      modes[mode].push(await one(mode, workers, quick, peers));
    }
  }
  // A reload without the second in which the master watches whether the first new worker stays.
  const bold = await reloadTime('shared', { readyFor: 0 }, peers);
  return { bare, modes, reloaded: RELOADED, bold };
}

async function one(mode, workers, quick, peers) {
  const starts = [];
  for (let start = 1; start < startsOf(workers, quick); start++) {
    const server = await startServer(mode, { workers, app: {} }, peers);
    starts.push(server.readyIn);
    await server.stop();
  }
  return await withServer(mode, { workers, app: {} }, peers, async ({ pids: [master, ...others], readyIn, call }) => {
    await delay(SETTLE_MS);
    const sizes = others.map(memory);
    const of = (name) => median(sizes.map((size) => size[name]));
    const result = {
      workers,
      readyIn: median([...starts, readyIn]),
      master: memory(master),
      worker: { rss: of('rss'), pss: of('pss') },
    };
    return workers === RELOADED ? { ...result, reload: await timeOf(() => call('reload')) } : result;
  });
}

function reloadTime(mode, fleet, peers) {
  return withServer(mode, { workers: RELOADED, app: {}, fleet }, peers, ({ call }) => timeOf(() => call('reload')));
}

async function timeOf(work) {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
