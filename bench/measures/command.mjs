// What the command `prefork` costs an unmodified Express application: a connection, beside prefork() and PM2, and the start, beside node alone.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../test/loss/free-port.mjs';
import { stopServers, takeTurns, warmServers } from '../lib/interleaved.mjs';
import { say } from '../lib/report.mjs';
import { available } from '../lib/servers.mjs';
import { bounds, sections } from '../sections/command.mjs';

export { bounds, sections };
export const title = 'The command';

const MODES = ['single', 'pm2', 'shared', 'command'];
const APP = { express: true };
const WORKERS = 2;

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const COMMAND = path('../../dist/command/prefork.cjs');
const PLAIN = path('../lib/servers/command-app.mjs');
const OWN = path('../lib/servers/command-prefork.mjs');
/** Milliseconds between two looks whether the server answers. */
const LOOK_MS = 1;
const PATIENCE_MS = 30_000;
/** With such a file every process of Node reads certificates before it does anything else: half of a start, which would hide the rest. */
const { NODE_EXTRA_CA_CERTS: _, ...ENVIRONMENT } = process.env;

export async function run({ quick, client, peers }) {
  const scenarios = [];
  const servers = await warmServers({ modes: available(MODES, peers), workers: WORKERS, peers, client, app: APP });
  try {
    for (const concurrency of [1, 32]) {
      const how = { concurrency, rounds: quick ? 2 : 6, slices: 2, ...(quick && { slice: 400 }) };
      const what = `Express, ${WORKERS} workers, ${concurrency} at a time`;
      const measured = await takeTurns(servers, client.load, { what, ...how });
      scenarios.push({ workers: WORKERS, concurrency, ...measured });
    }
  } finally {
    await stopServers(servers);
  }
  return { scenarios, starts: await starts(quick ? 3 : 15) };
}

/** Milliseconds from the start of the program until the first answer, with one worker; every round starts all of them. */
async function starts(rounds) {
  const apps = { small: {}, express: APP };
  const times = { node: [], ...Object.fromEntries(Object.keys(apps).map((name) => [name, []])) };
  for (let round = 0; round < rounds; round++) {
    say(`starts: round ${round + 1} of ${rounds}`);
    times.node.push(await emptyProgram());
    for (const [name, app] of Object.entries(apps)) {
      const [words, port] = [JSON.stringify(app), String(await freePort())];
      times[name].push({
        plain: await untilAnswer([PLAIN, words, port], port),
        command: await untilAnswer([COMMAND, '--workers', '1', '--quiet', PLAIN, words, port], port),
        prefork: await untilAnswer([OWN, words, port], port),
      });
    }
  }
  return times;
}

async function emptyProgram() {
  const began = performance.now();
  const child = spawn(process.execPath, ['-e', '0'], { stdio: 'ignore', env: ENVIRONMENT });
  await once(child, 'exit');
  return performance.now() - began;
}

async function untilAnswer(args, port) {
  const began = performance.now();
  const child = spawn(process.execPath, args, { stdio: 'ignore', env: ENVIRONMENT });
  const gone = once(child, 'exit');
  try {
    while (!(await answers(Number(port)))) {
      if (performance.now() - began > PATIENCE_MS) throw new Error(`no answer: node ${args.join(' ')}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    return performance.now() - began;
  } finally {
    child.kill('SIGTERM');
    await gone;
  }
}

function answers(port) {
  return new Promise((resolve) => {
    get({ port, host: '127.0.0.1', agent: false }, (response) => {
      response.resume().once('end', () => resolve(true));
    }).once('error', () => resolve(false));
  });
}
