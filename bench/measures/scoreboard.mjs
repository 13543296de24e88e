// What it costs a worker to count, and to time its event loop: the same fleet with `scoreboard: false`.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { stopServers, takeTurns, WARM } from '../lib/interleaved.mjs';
import { median } from '../lib/processes.mjs';
import { say } from '../lib/report.mjs';
import { startServer } from '../lib/servers.mjs';
import { bounds, sections } from '../sections/scoreboard.mjs';

export { bounds, sections };
export const title = 'Cost of the scoreboard';

/** Two processes of one program differ by several hundredths for as long as they live, so there are many pairs of them. */
const PAIRS = 6;
const COUNTING = fileURLToPath(new URL('../lib/counting.mjs', import.meta.url));
const KINDS = {
  'keep-alive': { slice: 8_000, rounds: 3, slices: 2 },
  close: { slice: 2_000, rounds: 3, slices: 2 },
};

export async function run({ quick, client, peers }) {
  const pairs = [];
  for (let pair = 0; pair < (quick ? 2 : PAIRS); pair++) pairs.push(await measurePair(pair, client, peers));
  say('scoreboard: counting by itself');
  const added = Array.from({ length: quick ? 3 : 7 }, () => countingAdds());
  const [request, turn] = ['request', 'turn'].map((what) => median(added.map((sample) => sample[what])));
  return { pairs, kinds: Object.keys(KINDS), added: { request, turn } };
}

/** Nanoseconds. */
function countingAdds() {
  const [on, off] = ['counting', 'not'].map((how) =>
    JSON.parse(execFileSync(process.execPath, [COUNTING, how], { encoding: 'utf8' })),
  );
  return { request: on.request - off.request, turn: on.turn - off.turn };
}

/** One worker each: how connections are spread over several has no part in it. */
async function measurePair(pair, client, peers) {
  const servers = {};
  try {
    // The first of two servers has no advantage.
    for (const mode of pair % 2 === 0 ? ['off', 'on'] : ['on', 'off']) {
      const options = { workers: 1, app: {}, fleet: { scoreboard: mode === 'on' } };
      servers[mode] = await startServer('shared', options, peers);
    }
    say(`scoreboard: pair ${pair + 1}: warming up`);
    for (const { port } of Object.values(servers)) {
      await client.keepAlive(port, 4 * WARM, 32);
      await client.load(port, WARM, 32);
    }
    const measured = {};
    for (const [kind, how] of Object.entries(KINDS)) {
      const ask = kind === 'close' ? client.load : client.keepAlive;
      const what = `scoreboard: pair ${pair + 1}, ${kind}`;
      measured[kind] = (await takeTurns(servers, ask, { what, concurrency: 32, ...how })).rounds.map(({ on, off }) => ({
        on: on.cpu,
        off: off.cpu,
      }));
    }
    return measured;
  } finally {
    await stopServers(servers);
  }
}
