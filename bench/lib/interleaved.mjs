// The cost of requests to servers, which run at once and take turns, so that other work on the machine meets all alike.
import { cpuTime, median, sum, switches } from './processes.mjs';
import { say } from './report.mjs';
import { startServer } from './servers.mjs';

/** Connections that a server has served before the first measured turn: the JIT is done, the heap has its size. */
export const WARM = 8_000;
/**
 * Requests in one turn of one mode. Few, so that other work on the machine meets all modes alike; enough that the caches of the CPUs, which
 * another mode has filled, do not matter.
 */
const SLICE = 2_000;

/**
 * Starts and warms the servers of the modes.
 * @param each The concurrency at which every process gets {@link WARM} connections. Without it all processes of a server together
 *   get twice as many, or `warm`: where many processes share one listener under a light load, the kernel wakes the same few
 *   first, and the others stay cold for longer than a benchmark may last.
 */
export async function warmServers({ modes, workers, peers, client, each, app = {}, warm = 2 * WARM }) {
  const servers = Object.fromEntries(modes.map((mode) => [mode, undefined]));
  try {
    say(`${workers} workers: starting ${modes.length} servers`);
    const starts = modes.map(async (mode) => {
      servers[mode] = await startServer(mode, { workers, app }, peers);
    });
    // Wait for all of them, also when one fails: this process has to end every server that it started.
    const failed = (await Promise.allSettled(starts)).find(({ status }) => status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    for (const server of Object.values(servers)) {
      say(`${workers} workers: warming ${server.mode} up`);
      if (each === undefined) await client.load(server.port, warm, 32);
      else await warmEach(server, client, each);
    }
  } catch (error) {
    await stopServers(servers);
    throw error;
  }
  return servers;
}

export async function stopServers(servers) {
  await Promise.all(Object.values(servers).map((server) => server?.stop()));
}

async function warmEach({ mode, pids, port }, client, concurrency) {
  const serving = Math.max(1, pids.length - 1);
  const counts = {};
  for (let all = 0; all < serving * WARM * 4; all += WARM / 2) {
    add(counts, await client.load(port, WARM / 2, concurrency));
    const served = Object.values(counts);
    if (served.length === serving && Math.min(...served) >= WARM) return;
  }
  throw new Error(`${mode}: not every process got ${WARM} connections: ${JSON.stringify(counts)}`);
}

/**
 * @param ask `(port, requests, concurrency)`: one turn of the client. Returns answers by pid.
 * @returns `{ rounds, answered }`: in each round by mode microseconds of CPU per request, of all processes (`cpu`) and of the master
 *   alone (`master`), and how often all their threads went to sleep for it (`switches`); answers by worker, the most first.
 */
export async function takeTurns(servers, ask, { what, concurrency, rounds, slices, slice = SLICE }) {
  const samples = [];
  const answered = Object.fromEntries(Object.keys(servers).map((mode) => [mode, {}]));
  // One uncounted turn comes first: the concurrency decides which worker is warm.
  for (let round = 0; round <= rounds; round++) {
    say(`${what}: round ${round} of ${rounds}`);
    const used = Object.fromEntries(Object.keys(servers).map((mode) => [mode, { cpu: 0, master: 0, switches: 0 }]));
    for (let turn = 0; turn < slices; turn++) {
      // In another order every time, so that the caches that one mode leaves behind meet all others alike.
      for (const mode of shuffled(Object.keys(servers))) {
        const { port, pids } = servers[mode];
        const before = pids.map((pid) => [switches(pid), cpuTime(pid)]);
        const answers = await ask(port, slice, concurrency);
        if (round > 0) add(answered[mode], answers);
        const spent = pids.map((pid, i) => cpuTime(pid) - before[i][1]);
        used[mode].cpu += sum(spent, (time) => time);
        used[mode].master += spent[0];
        used[mode].switches += sum(pids, (pid) => switches(pid)) - sum(before, ([count]) => count);
      }
    }
    if (round === 0) continue;
    const perRequest = (counted) =>
      Object.fromEntries(Object.entries(counted).map(([name, total]) => [name, total / (slices * slice)]));
    samples.push(Object.fromEntries(Object.entries(used).map(([mode, counted]) => [mode, perRequest(counted)])));
  }
  const byWorker = Object.entries(answered).map(([mode, counts]) => [mode, spreadOf(servers[mode].pids, counts)]);
  return { rounds: samples, answered: Object.fromEntries(byWorker) };
}

/** Shares of the workers in connections, the largest first; one that got none has 0. */
export function spreadOf(pids, answered) {
  const serving = pids.length === 1 ? pids : pids.slice(1);
  return serving.map((pid) => answered[pid] ?? 0).sort((a, b) => b - a);
}

/** The median of a counter (`cpu`, `master`, `switches`) over the rounds. */
export function medianOf({ rounds }, mode, count) {
  return median(rounds.map((used) => used[mode][count]));
}

/** The median of the ratio within a round: a cause that slows a round down slows both servers. */
export function ratioOf({ rounds }, [one, other], count = 'cpu') {
  return median(rounds.map((used) => used[one][count] / used[other][count]));
}

function add(counts, more) {
  for (const [key, count] of Object.entries(more)) counts[key] = (counts[key] ?? 0) + count;
}

function shuffled(items) {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
