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
const BOUNDED = ['single', 'cluster', 'plain', 'shared'];

/** One process differs from the next by several hundredths: what comes one at a time, and is bounded, has its servers started twice. */
const STARTS = 2;
const lone = { concurrency: 1, rounds: 3, slices: 1 };

/** `rounds` × `slices` turns of each mode, in each of `starts` sets of servers. */
const full = [
  { workers: 1, modes: BOUNDED, close: [{ ...lone, rounds: 2 }] },
  { workers: 2, modes: ALL, each: 32, close: [{ concurrency: 32, rounds: 5, slices: 2 }] },
  {
    workers: 4,
    modes: ALL,
    close: [{ concurrency: 32, rounds: 3, slices: 1 }],
    keep: { concurrency: 32, rounds: 3, slices: 1, slice: 10_000 },
  },
  ...[2, 4, 8].map((workers) => ({
    workers,
    modes: workers === 4 ? GROWTH : BOUNDED,
    starts: STARTS,
    close: [lone],
  })),
  { workers: 8, modes: FEW, close: [{ concurrency: 32, rounds: 3, slices: 2 }] },
  { workers: 16, modes: FEW, close: [{ ...lone, rounds: 2 }] },
  { workers: 64, modes: BOUNDED, warm: 4_000, close: [{ ...lone, rounds: 2, slice: 1_000 }] },
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
  for (const { starts = 1, ...plan } of isQuick ? quick : full) {
    const runs = [];
    for (let start = 0; start < starts; start++) runs.push(await once(plan, client, peers));
    // Of each kind the rounds of all starts.
    scenarios.push(...runs[0].map((first, i) => runs.slice(1).reduce((all, run) => joined(all, run[i]), first)));
  }
  return { scenarios };
}

/** Servers of their own. @returns a scenario for each kind of turns. */
async function once({ workers, modes: wanted, close, keep, ...warming }, client, peers) {
  const servers = await warmServers({ modes: available(wanted, peers), workers, peers, client, ...warming });
  try {
    const scenarios = [];
    const turns = async (kind, ask, how) => {
      const what = `${workers} workers, ${how.concurrency} at a time, ${kind}`;
      const measured = await takeTurns(servers, ask, { what, ...how });
      scenarios.push({ workers, concurrency: how.concurrency, kind, ...measured });
    };
    for (const how of close) await turns('close', client.load, how);
    if (keep !== undefined) await turns('keep-alive', client.keepAlive, keep);
    return scenarios;
  } finally {
    await stopServers(servers);
  }
}

function joined(one, other) {
  return { ...one, rounds: [...one.rounds, ...other.rounds] };
}
