// What one connection costs the server: CPU time of all its processes for an HTTP request on a connection of its own, behind one
// process, behind `cluster` (round-robin) and behind prefork. bench/README.md says how it is measured.
import { compileClient } from './lib/client.mjs';
import { cpuTime, median, start, sum } from './lib/processes.mjs';
import { print, say } from './lib/report.mjs';

const MODES = ['single', 'cluster', 'prefork'];
/** Connections that every process has served before anything is measured: the JIT is done, the heap has its size. */
const WARM = 8_000;
/**
 * One turn of one mode. Short, so that whatever else the machine does meets all modes alike; long enough for the caches of the CPUs,
 * which the turn of another mode has filled, not to matter.
 */
const SLICE = 2_000;

/** Only the first has bounds; the others are told because they differ. `slices` are per round and mode. */
const scenarios = [
  { workers: 2, concurrency: 32, rounds: 5, slices: 8, warmEach: true, bounds: { single: 1.05, cluster: 0.5 } },
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

const micro = (number) => number.toFixed(1);
print({
  title: 'Server CPU per connection (HTTP, Connection: close), microseconds: medians',
  columns: {
    workers: ({ workers }) => workers,
    'at a time': ({ concurrency }) => concurrency,
    single: ({ cpu }) => micro(cpu.single),
    cluster: ({ cpu }) => micro(cpu.cluster),
    prefork: ({ cpu }) => micro(cpu.prefork),
    'its master': ({ cpu }) => micro(cpu.master),
    'prefork / single': ({ ratios, bounds }) => ratio(ratios.single, bounds?.single),
    'prefork / cluster': ({ ratios, bounds }) => ratio(ratios.cluster, bounds?.cluster),
  },
  rows,
  misses: rows.flatMap(({ workers, concurrency, ratios, bounds = {} }) =>
    Object.entries(bounds)
      .filter(([other, bound]) => !(ratios[other] <= bound))
      .map(
        ([other, bound]) =>
          `${workers} workers, ${concurrency} at a time: ${ratios[other].toFixed(3)} × ${other}, at most ${bound} allowed`,
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
      cpu: Object.fromEntries([...MODES, 'master'].map((mode) => [mode, of((sample) => sample[mode])])),
      ratios: {
        single: of(({ prefork, single }) => prefork / single),
        cluster: of(({ prefork, cluster }) => prefork / cluster),
      },
      ...(bounds === undefined ? {} : { bounds }),
    };
  } finally {
    for (const { stop } of Object.values(servers)) await stop();
  }
}

async function oneRound(servers, concurrency, slices) {
  const used = { single: 0, cluster: 0, prefork: 0, master: 0 };
  for (let slice = 0; slice < slices; slice++) {
    // Each mode follows each other one equally often.
    const turn = [...MODES.slice(slice % 3), ...MODES.slice(0, slice % 3)];
    for (const mode of slice % 2 === 0 ? turn : turn.toReversed()) {
      const { pids, port } = servers[mode];
      const before = pids.map(cpuTime);
      await client.load(port, SLICE, concurrency);
      const spent = pids.map((pid, i) => cpuTime(pid) - before[i]);
      used[mode] += sum(spent, (time) => time);
      if (mode === 'prefork') used.master += spent[0];
    }
  }
  return Object.fromEntries(Object.entries(used).map(([mode, time]) => [mode, time / (slices * SLICE)]));
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
