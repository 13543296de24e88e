// The requests that clients lose while a fleet reloads, its workers are killed, and it stops behind a proxy: the scenarios of test/loss,
// as many times as the page says.
import { runCell } from '../../test/loss/cell.mjs';
import { fleets } from '../../test/loss/fleets.mjs';
import { makeRandom } from '../../test/loss/random.mjs';
import { scenarios } from '../../test/loss/scenarios.mjs';
import { say } from '../lib/report.mjs';
import { bounds, sections } from '../sections/lost.mjs';

export { bounds, sections };
export const title = 'Lost requests';

const FLEETS = ['shared', 'sharded', 'reuseport', 'cluster'];
const QUICK = ['shared', 'cluster'];
/** Fewer than in test/loss: the fleets share the CPUs. */
const CLIENTS = [
  { mode: 'per-request', concurrency: 4, pause: 50 },
  { mode: 'keep-alive', concurrency: 4, pause: 50 },
];
/** By the scenario's name in test/loss: how often, and with --quick. Half as often for modes without a promise. */
const COUNTS = { reloads: [50, 3], SIGKILLs: [50, 3], 'stops behind a proxy': [20, 2] };
/** A scenario begins its last operation within this time: a slow machine does fewer, and the page says so. */
const WITHIN_MS = 250_000;
const SEED = 1;

/** The fleets run beside each other: the measure counts no time, and the load is light. */
export async function run({ quick, peers }) {
  const rows = [];
  for (const [name, counts] of Object.entries(COUNTS)) {
    if (name === 'stops behind a proxy' && peers.nginx.missing !== undefined) continue;
    say(`lost: ${name}`);
    const scenario = {
      ...scenarios.find((each) => each.name === name),
      within: WITHIN_MS,
      clients: CLIENTS,
    };
    const cells = (quick ? QUICK : FLEETS).map(async (mode) => {
      const fleet = fleets.find((each) => each.name === mode);
      const count = quick ? counts[1] : Math.ceil(counts[0] / (fleet.lossless ? 1 : 2));
      const row = await runCell({
        fleet,
        scenario: { ...scenario, count },
        share: 1,
        most: Infinity,
        random: makeRandom(SEED),
      });
      if (row.broken) throw new Error(`${name}, ${mode}: ${row.failures.join('\n')}`);
      const { done, asked, answered, lost, allowed, delayed, held } = row;
      return { scenario: name, mode, wanted: count, done, asked, answered, lost, allowed, delayed, held };
    });
    const results = await Promise.allSettled(cells);
    const failed = results.find(({ status }) => status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    rows.push(...results.map(({ value }) => value));
  }
  return { rows };
}
