// What one connection costs the server: CPU time of all its processes for an HTTP request on a connection of its own, behind one
// process, behind `cluster` (round-robin) and behind prefork in each of its ways of sharing. bench/README.md says how it is
// measured.
import { compileClient } from './lib/client.mjs';
import { cpuTime, median, start, sum } from './lib/processes.mjs';
import { print, say } from './lib/report.mjs';

const MODES = ['single', 'cluster', 'shared', 'sharded', 'reuseport'];
/** What is compared with what; a scenario may have a bound for it. */
const RATIOS = [
  ['shared', 'single'],
  ['shared', 'cluster'],
  ['sharded', 'shared'],
];
/** Connections that every process has served before anything is measured: the JIT is done, the heap has its size. */
const WARM = 8_000;
/**
 * One turn of one mode. Short, so that whatever else the machine does meets all modes alike; long enough for the caches of the CPUs,
 * which the turn of another mode has filled, not to matter.
 */
const SLICE = 2_000;

const BOUNDS = { 'shared / single': 1.05, 'shared / cluster': 0.5, 'sharded / shared': 1.05 };
/** Only the first has bounds; the others are told because they differ. `slices` are per round and mode. */
const scenarios = [
  { workers: 2, concurrency: 32, rounds: 5, slices: 8, warmEach: true, bounds: BOUNDS },
  { workers: 2, concurrency: 1, rounds: 3, slices: 2, warmEach: false },
  { workers: 4, concurrency: 32, rounds: 3, slices: 2, warmEach: false },
  { workers: 8, concurrency: 32, rounds: 3, slices: 2, warmEach: false },
];

const chosen = process.argv.includes('--bounded') ? scenarios.filter(({ bounds }) => bounds !== undefined) : scenarios;
const client = await compileClient();
const rows = [];
try {
  for (const scenario of chosen) rows.push(await measure(scenario));
} finally {
  await client.remove();
}
say('');

const scenarioColumns = { workers: ({ workers }) => workers, 'at a time': ({ concurrency }) => concurrency };
const micro = (number) => number.toFixed(1);
print({
  title: 'Server CPU per connection (HTTP, Connection: close), microseconds: medians',
  page: { file: new URL('./README.md', import.meta.url), name: 'connections' },
  tables: [
    {
      ...scenarioColumns,
      ...Object.fromEntries(MODES.map((mode) => [mode, ({ cpu }) => micro(cpu[mode])])),
      "shared's master": ({ masters }) => micro(masters.shared),
      "sharded's": ({ masters }) => micro(masters.sharded),
    },
    {
      ...scenarioColumns,
      ...Object.fromEntries(
        RATIOS.map((pair) => {
          const name = pair.join(' / ');
          return [name, ({ ratios, bounds }) => ratio(ratios[name], bounds?.[name])];
        }),
      ),
    },
  ],
  rows,
  misses: rows.flatMap(({ workers, concurrency, ratios, bounds = {} }) =>
    Object.entries(bounds)
      .filter(([name, bound]) => !(ratios[name] <= bound))
      .map(
        ([name, bound]) =>
          `${workers} workers, ${concurrency} at a time: ${name} is ${ratios[name].toFixed(3)}, at most ${bound} allowed`,
      ),
  ),
});

function ratio(value, bound) {
  return bound === undefined ? value.toFixed(2) : `${value.toFixed(3)} (at most ${bound})`;
}

/** All modes at once, taking turns: in every slice each has the same number of connections. */
async function measure({ workers, concurrency, rounds, slices, warmEach, bounds }) {
  const what = `${workers} workers, ${concurrency} at a time`;
  const servers = {};
  try {
    for (const mode of MODES) {
      const server = start(new URL('./lib/serve.mjs', import.meta.url), mode, workers);
      servers[mode] = { ...server, ...(await server.next()) };
      say(`${what}: warming ${mode} up`);
      await warmUp(mode, servers[mode], concurrency, warmEach);
    }
    const samples = [];
    for (let round = 0; round < rounds; round++) {
      say(`${what}: round ${round + 1} of ${rounds}`);
      samples.push(await oneRound(servers, concurrency, slices));
    }
    const of = (pick) => median(samples.map(pick));
    return {
      workers,
      concurrency,
      connections: { rounds, perRound: slices * SLICE },
      cpu: Object.fromEntries(MODES.map((mode) => [mode, of(({ used }) => used[mode])])),
      masters: Object.fromEntries(MODES.map((mode) => [mode, of(({ masters }) => masters[mode])])),
      ratios: Object.fromEntries(
        RATIOS.map(([one, other]) => [`${one} / ${other}`, of(({ used }) => used[one] / used[other])]),
      ),
      ...(bounds === undefined ? {} : { bounds }),
    };
  } finally {
    for (const { stop } of Object.values(servers)) await stop();
  }
}

/** Microseconds per connection: of all processes of a mode, and of the first of them, which is its master. */
async function oneRound(servers, concurrency, slices) {
  const used = Object.fromEntries(MODES.map((mode) => [mode, 0]));
  const masters = { ...used };
  for (let slice = 0; slice < slices; slice++) {
    // In another order every time: what one mode leaves behind in the caches meets all others alike.
    for (const mode of shuffled(MODES)) {
      const { pids, port } = servers[mode];
      const before = pids.map(cpuTime);
      await client.load(port, SLICE, concurrency);
      const spent = pids.map((pid, i) => cpuTime(pid) - before[i]);
      used[mode] += sum(spent, (time) => time);
      masters[mode] += spent[0];
    }
  }
  const perConnection = (times) =>
    Object.fromEntries(Object.entries(times).map(([mode, time]) => [mode, time / (slices * SLICE)]));
  return { used: perConnection(used), masters: perConnection(masters) };
}

function shuffled(items) {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/**
 * @param each Every process has to be warm. Without it the processes together: where many share one listener and little is to do,
 * the kernel wakes the same few first, and the others stay cold for longer than a benchmark may last.
 */
async function warmUp(mode, { pids, port }, concurrency, each) {
  const serving = mode === 'single' ? 1 : pids.length - 1;
  const counts = new Map();
  for (let all = 0; all < serving * WARM * 4; all += WARM / 2) {
    for (const [pid, answered] of Object.entries(await client.load(port, WARM / 2, each ? concurrency : 32))) {
      counts.set(pid, (counts.get(pid) ?? 0) + answered);
    }
    const least = counts.size < serving ? 0 : Math.min(...counts.values());
    if (each ? least >= WARM : sum([...counts.values()], (count) => count) >= 2 * WARM) return;
  }
  throw new Error(`${mode}: not every process got ${WARM} connections: ${JSON.stringify([...counts])}`);
}
