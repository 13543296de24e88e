// The cost of a connection, and of a request on a kept connection, to all processes of a server: CPU time and wake-ups, and how both grow
// with the number of workers.
import { stopServers, takeTurns, warmServers } from '../lib/interleaved.mjs';
import { available } from '../lib/servers.mjs';
import { bounds, sections } from '../sections/connections.mjs';

export { bounds, sections };
export const title = 'CPU per connection';

const ALL = [
  'single',
  'cluster',
  'none',
  'single-24',
  'node-reuseport',
  'pm2',
  'plain',
  'shared',
  'sharded',
  'reuseport',
];
const GROWTH = ['single', 'cluster', 'pm2', 'plain', 'shared', 'sharded'];
const FEW = ['single', 'cluster', 'plain', 'shared', 'sharded'];
const BOUNDED = ['single', 'cluster', 'plain', 'shared'];

const lone = { concurrency: 1, rounds: 2, slices: 1 };

/**
 * `rounds` × `slices` turns of each mode. One process differs from the next by several hundredths: where connections come one at a time
 * and are bounded, two rows have such turns, each with servers of its own.
 */
const full = [
  { workers: 1, modes: BOUNDED, close: [lone] },
  {
    workers: 2,
    modes: ALL,
    each: 32,
    close: [
      { concurrency: 32, rounds: 5, slices: 2 },
      { ...lone, modes: BOUNDED },
    ],
  },
  {
    workers: 4,
    modes: ALL,
    close: [
      { concurrency: 32, rounds: 3, slices: 1 },
      { ...lone, modes: GROWTH },
    ],
    keep: { concurrency: 32, rounds: 3, slices: 1, slice: 10_000 },
  },
  {
    workers: 8,
    modes: FEW,
    close: [
      { concurrency: 32, rounds: 3, slices: 2 },
      { ...lone, modes: BOUNDED },
    ],
  },
  ...[2, 4, 8].map((workers) => ({ workers, modes: workers === 4 ? GROWTH : BOUNDED, close: [lone] })),
  { workers: 16, modes: FEW, close: [lone] },
  { workers: 64, modes: BOUNDED, warm: 4_000, close: [{ ...lone, slice: 1_000 }] },
];

const short = { rounds: 2, slices: 1, slice: 400 };
const quick = [
  {
    workers: 4,
    modes: GROWTH,
    warm: 8_000,
    close: [1, 32].map((concurrency) => ({ concurrency, ...short })),
    keep: { concurrency: 32, ...short, slice: 2_000 },
  },
];

export async function run({ quick: isQuick, client, peers }) {
  const scenarios = [];
  for (const plan of isQuick ? quick : full) {
    for (const scenario of await once(plan, client, peers)) {
      const same = scenarios.find((known) =>
        ['workers', 'concurrency', 'kind'].every((key) => known[key] === scenario[key]),
      );
      if (same === undefined) scenarios.push(scenario);
      else same.rounds.push(...scenario.rounds);
    }
  }
  return { scenarios };
}

/** Starts its own servers. @returns a scenario for each kind of turns. */
async function once({ workers, modes: wanted, close, keep, ...warming }, client, peers) {
  const servers = await warmServers({ modes: available(wanted, peers), workers, peers, client, ...warming });
  try {
    const scenarios = [];
    const turns = async (kind, ask, { modes: some = Object.keys(servers), ...how }) => {
      const what = `${workers} workers, ${how.concurrency} at a time, ${kind}`;
      const taking = Object.fromEntries(Object.entries(servers).filter(([mode]) => some.includes(mode)));
      const measured = await takeTurns(taking, ask, { what, ...how });
      scenarios.push({ workers, concurrency: how.concurrency, kind, ...measured });
    };
    for (const how of close) await turns('close', client.load, how);
    if (keep !== undefined) await turns('keep-alive', client.keepAlive, keep);
    return scenarios;
  } finally {
    await stopServers(servers);
  }
}
