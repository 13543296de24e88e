// How connections spread over workers: short ones, ones that stay, WebSockets, and both after workers have been replaced or added.
import { hold, holdWebSockets } from '../lib/held.mjs';
import { spreadOf } from '../lib/interleaved.mjs';
import { say } from '../lib/report.mjs';
import { available, withServer } from '../lib/servers.mjs';
import { bounds, sections } from '../sections/spread.mjs';

export { bounds, sections };
export const title = 'Spread';

const MODES = ['cluster', 'none', 'node-reuseport', 'pm2', 'plain', 'shared', 'sharded', 'reuseport'];
const QUICK = ['cluster', 'shared'];
const [HELD, WEBSOCKETS, SHORT, AT_A_TIME] = [400, 240, 8_000, 32];
const WARM = 4_000;
/** The bench measures the package's default more often, because its bound is a median. */
const trialsOf = (mode, quick) => (mode === 'shared' && !quick ? 5 : 1);

export async function run({ quick, client, peers }) {
  const modes = {};
  for (const mode of available(quick ? QUICK : MODES, peers)) {
    const trials = { held: [], webSockets: [], reloaded: [], scaled: [] };
    for (let trial = 1; trial <= trialsOf(mode, quick); trial++) {
      say(`${mode}: trial ${trial}`);
      await withServer(mode, { workers: 4, app: { websockets: true } }, peers, (server) =>
        replaced(server, client, trials),
      );
      trials.scaled.push(await withServer(mode, { workers: 2, app: {} }, peers, scaled));
    }
    say(`${mode}: short connections`);
    const short = await withServer(mode, { workers: 8, app: {} }, peers, async ({ port, pids }) => {
      await client.load(port, quick ? 1_000 : WARM, AT_A_TIME);
      return spreadOf(pids, await client.load(port, quick ? 2_000 : SHORT, AT_A_TIME));
    });
    modes[mode] = { ...trials, short };
  }
  return { modes, held: HELD, webSockets: WEBSOCKETS, atATime: AT_A_TIME };
}

/** Each time: the counts by worker, the most first. */
async function replaced({ port, pids, call }, client, trials) {
  // A worker that has just started is slower than another; this measure is not about that.
  await client.load(port, WARM / 4, AT_A_TIME);
  const held = await hold(port, HELD);
  held.close();
  trials.held.push(spreadOf(pids, held.answered));
  const sockets = await holdWebSockets(port, WEBSOCKETS);
  try {
    trials.webSockets.push(spreadOf(pids, await sockets.settled()));
    await call('reload');
    const now = await sockets.settled();
    trials.reloaded.push(spreadOf(await call('pids'), now));
  } finally {
    sockets.close();
  }
}

/** Half of the connections are opened before the workers become twice as many, half after. */
async function scaled({ port, call }) {
  const before = await hold(port, HELD / 2);
  try {
    await call('scale', 4);
    const after = await hold(port, HELD / 2);
    after.close();
    const pids = await call('pids');
    const both = pids.map((pid) => [pid, (before.answered[pid] ?? 0) + (after.answered[pid] ?? 0)]);
    return spreadOf(pids, Object.fromEntries(both));
  } finally {
    before.close();
  }
}
