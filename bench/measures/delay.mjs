// How long clients wait while one of four workers is blocked, and while none is.
import { whileBlocked } from '../lib/blocked.mjs';
import { hold } from '../lib/held.mjs';
import { quantile, say } from '../lib/report.mjs';
import { available, withServer } from '../lib/servers.mjs';
import { bounds, sections } from '../sections/delay.mjs';

export { bounds, sections };
export const title = 'Waiting behind a blocked worker';

const MODES = ['cluster', 'none', 'node-reuseport', 'pm2', 'plain', 'shared', 'sharded', 'reuseport'];
const QUICK = ['cluster', 'shared', 'sharded'];
const WORKERS = 4;
const [BURST, IN_A_ROW, HELD] = [200, 100, 400];
const WARM = 8_000;
const LATE_MS = 250;
const blockedFor = (quick) => (quick ? 1_000 : 3_000);
/** The bench measures the package's default more often, because it has bounds. */
const ROUNDS = { shared: 5, cluster: 2, plain: 2, sharded: 2 };
const roundsOf = (mode, quick) => (quick ? 1 : (ROUNDS[mode] ?? 1));

export async function run({ quick, client, peers }) {
  const modes = {};
  const ms = blockedFor(quick);
  for (const mode of available(quick ? QUICK : MODES, peers)) {
    const waits = await withServer(mode, { workers: WORKERS, app: {} }, peers, async ({ port }) => {
      await client.load(port, quick ? WARM / 4 : WARM, 32);
      const found = { free: {}, blocked: {} };
      const block = { port, ms, kind: 'stand' };
      for (let round = 1; round <= roundsOf(mode, quick); round++) {
        say(`${mode}: round ${round}`);
        await ask(client, port, found.free);
        await whileBlocked(block, () => ask(client, port, found.blocked));
        await overHeld(client, port, found.free, (work) => work());
        await overHeld(client, port, found.blocked, (work) => whileBlocked(block, work));
      }
      return found;
    });
    modes[mode] = { free: summaries(waits.free), blocked: summaries(waits.blocked) };
  }
  return { modes, workers: WORKERS, burst: BURST, inARow: IN_A_ROW, held: HELD, late: LATE_MS, blockedFor: ms };
}

async function ask(client, port, found) {
  add(found, 'burst', await client.burst(port, BURST));
  add(found, 'inARow', await client.inARow(port, IN_A_ROW));
}

async function overHeld(client, port, found, during) {
  const held = await hold(port, HELD);
  try {
    await during(async () => add(found, 'overHeld', await client.burst(port, BURST)));
  } finally {
    held.close();
  }
}

function add(found, name, milliseconds) {
  found[name] = [...(found[name] ?? []), ...milliseconds];
}

function summaries(found) {
  return Object.fromEntries(Object.entries(found).map(([name, milliseconds]) => [name, summary(milliseconds)]));
}

function summary(milliseconds) {
  const sorted = milliseconds.toSorted((a, b) => a - b);
  return {
    count: sorted.length,
    median: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    max: sorted.at(-1),
    late: sorted.filter((wait) => wait > LATE_MS).length,
  };
}
