// The cost of a connection to 'shared' on every major of Node that the package supports, beside one process of that Node.
import { stopServers, takeTurns, WARM, warmServers } from '../lib/interleaved.mjs';
import { MODES_ON_MAJORS } from '../lib/modes.mjs';
import { available } from '../lib/servers.mjs';
import { bounds, sections } from '../sections/majors.mjs';

export { bounds, sections };
export const title = 'On other majors of Node';

const WORKERS = 4;

export async function run({ quick, client, peers }) {
  const modes = available(['single', 'shared', ...MODES_ON_MAJORS], peers);
  const servers = await warmServers({ modes, workers: WORKERS, peers, client, warm: quick ? WARM / 4 : 4 * WARM });
  try {
    const how = quick ? { rounds: 2, slices: 1, slice: 400 } : { rounds: 4, slices: 3 };
    const { rounds } = await takeTurns(servers, client.load, { what: 'majors of Node', concurrency: 1, ...how });
    return { workers: WORKERS, rounds };
  } finally {
    await stopServers(servers);
  }
}
