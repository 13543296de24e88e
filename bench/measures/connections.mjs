// What a connection, and a request on a connection that is kept, cost all processes of a server: CPU time and wake-ups, and how
// both grow with the number of workers.
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

/** `rounds` × `slices` turns of each mode; `bounded`: the scenario that bench/connections.mjs has bounds for. */
const full = [
  { workers: 1, modes: GROWTH, close: [{ concurrency: 1, rounds: 3, slices: 2 }] },
  {
    workers: 2,
    modes: ALL,
    each: 32,
    close: [
      { concurrency: 32, rounds: 5, slices: 4 },
      { concurrency: 1, rounds: 5, slices: 2 },
    ],
  },
  ...[4, 8].map((workers) => ({
    workers,
    modes: ALL,
    close: [
      { concurrency: 1, rounds: 5, slices: 2 },
      { concurrency: 32, rounds: 3, slices: 2 },
    ],
    keep: workers === 4 ? { concurrency: 32, rounds: 3, slices: 2, slice: 10_000 } : undefined,
  })),
  { workers: 16, modes: GROWTH, close: [{ concurrency: 1, rounds: 3, slices: 2 }] },
  { workers: 64, modes: FEW, close: [{ concurrency: 1, rounds: 3, slices: 1 }] },
];

const short = { rounds: 2, slices: 1, slice: 400 };
const quick = [4, 16].map((workers) => ({
  workers,
  modes: workers === 4 ? ALL : FEW,
  warm: 800 * workers,
  close: [1, ...(workers === 4 ? [32] : [])].map((concurrency) => ({ concurrency, ...short })),
  keep: workers === 4 ? { concurrency: 32, ...short, slice: 2_000 } : undefined,
}));

export async function run({ quick: isQuick, client, peers }) {
  const scenarios = [];
  for (const { workers, modes: wanted, close, keep, ...warming } of isQuick ? quick : full) {
    const modes = available(wanted, peers);
    const servers = await warmServers({ modes, workers, peers, client, ...warming });
    try {
      const turns = async (kind, ask, how) => {
        const what = `${workers} workers, ${how.concurrency} at a time, ${kind}`;
        const measured = await takeTurns(servers, ask, { what, ...how });
        scenarios.push({ workers, concurrency: how.concurrency, kind, ...measured });
      };
      for (const how of close) await turns('close', client.load, how);
      if (keep !== undefined) await turns('keep-alive', client.keepAlive, keep);
    } finally {
      await stopServers(servers);
    }
  }
  return { scenarios };
}
