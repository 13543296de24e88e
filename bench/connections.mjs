// What one connection costs the server: CPU time of all its processes for an HTTP request on a connection of its own, behind one
// process, behind `cluster` (round-robin) and behind prefork in each of its ways of sharing. bench/README.md says how it is
// measured.
import { compileClient } from './lib/client.mjs';
import { medianOf, ratioOf, stopServers, takeTurns, warmServers } from './lib/interleaved.mjs';
import { print, say } from './lib/report.mjs';

const MODES = ['single', 'cluster', 'shared', 'sharded', 'reuseport'];
/** What is compared with what; a scenario may have a bound for it. */
const RATIOS = [
  ['shared', 'single'],
  ['shared', 'cluster'],
  ['sharded', 'shared'],
];
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

async function measure({ workers, concurrency, rounds, slices, warmEach, bounds }) {
  const servers = await warmServers({ modes: MODES, workers, client, each: warmEach ? concurrency : undefined });
  try {
    const what = `${workers} workers, ${concurrency} at a time`;
    const turns = await takeTurns(servers, client.load, { what, concurrency, rounds, slices });
    return {
      workers,
      concurrency,
      rounds: turns.rounds,
      cpu: Object.fromEntries(MODES.map((mode) => [mode, medianOf(turns, mode, 'cpu')])),
      masters: Object.fromEntries(MODES.map((mode) => [mode, medianOf(turns, mode, 'master')])),
      ratios: Object.fromEntries(RATIOS.map((pair) => [pair.join(' / '), ratioOf(turns, pair)])),
      ...(bounds === undefined ? {} : { bounds }),
    };
  } finally {
    await stopServers(servers);
  }
}
