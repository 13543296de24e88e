// From the SIGKILL of a worker to the first answer of its replacement.
import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { say } from '../lib/report.mjs';
import { available, withServer } from '../lib/servers.mjs';
import { sections } from '../sections/restart.mjs';

export { sections };
export const title = 'From a kill to the next answer';

const MODES = ['cluster', 'pm2', 'shared', 'sharded'];
const QUICK = ['cluster', 'shared'];
/** The replacement lives twice this time: PM2 counts one that is younger than a second as unstable. */
const LIVES_MS = 600;
const PATIENCE_MS = 20_000;

/** Between two clients. */
const EVERY_MS = 5;

export async function run({ quick, peers }) {
  const modes = {};
  for (const mode of available(quick ? QUICK : MODES, peers)) {
    modes[mode] = await withServer(mode, { workers: 1, app: {} }, peers, async ({ port, pids }) => {
      const kills = [];
      let [, pid] = pids;
      while (kills.length < (quick ? 2 : 9)) {
        say(`${mode}: kill ${kills.length + 1}`);
        await delay(LIVES_MS);
        const { replacement, ...kill } = await killOnce(port, pid);
        kills.push(kill);
        pid = replacement;
      }
      return kills;
    });
  }
  return { modes };
}

/** Clients come every few milliseconds and wait for as long as it takes. */
async function killOnce(port, pid) {
  const clients = [];
  const counts = { refused: 0 };
  let stop;
  const began = performance.now();
  process.kill(pid, 'SIGKILL');
  const replacement = await new Promise((resolve, reject) => {
    const ask = () => {
      const client = { done: false };
      client.request = get({ host: '127.0.0.1', port, agent: false }, (response) => {
        response.once('data', (text) => {
          client.done = true;
          if (Number(text) !== pid) resolve(Number(text));
        });
      });
      client.request.on('error', () => {
        if (!client.done) counts.refused++;
        client.done = true;
      });
      clients.push(client);
      if (performance.now() - began > PATIENCE_MS)
        reject(new Error(`no replacement answered within ${PATIENCE_MS} ms`));
    };
    const timer = setInterval(ask, EVERY_MS);
    ask();
    stop = () => clearInterval(timer);
  }).finally(() => stop());
  const ms = performance.now() - began;
  // A client that waits now gets its answer in a moment, or never.
  await delay(LIVES_MS);
  const unanswered = clients.filter(({ done }) => !done);
  for (const client of unanswered) {
    client.done = true;
    client.request.destroy();
  }
  return { replacement, ms, clients: clients.length, ...counts, unanswered: unanswered.length };
}
