// Stops behind a proxy: the suite restarts two fleets behind nginx in turn, as a deploy without reloads does it, while clients send POSTs.
// nginx does not repeat a POST that it has sent. Lost: every answer that is not 200.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { emptyRow, finished, noteEnd, turnsOf } from './cell.mjs';
import { freePort } from './free-port.mjs';
import { startFleet } from './processes.mjs';
import { until } from './waiting.mjs';

const CONF = new URL('../fixtures/nginx.conf', import.meta.url);
/** Of each fleet. */
const WORKERS = 2;
/** Requests, and milliseconds between two lots of them: 300 a second. */
const [LOT, EVERY] = [6, 20];
/** Milliseconds between two restarts: nginx keeps connections to both fleets again. */
const BETWEEN = 500;
/** Milliseconds that a client waits for an answer. */
const PATIENCE = 20_000;
/** So many failures are in the table in words. */
const DESCRIBED = 8;

export const stopsBehindProxy = {
  name: 'stops behind a proxy',
  count: 12,
  least: 2,
  cell: restarts,
  needs: { command: 'nginx', argument: '-v' },
  plain: true,
};

async function restarts({ fleet: { program, options, lossless, recyclesItself }, scenario, ...limits }) {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-loss-'));
  const row = emptyRow();
  const turns = turnsOf(scenario, limits);
  const began = performance.now();
  const ends = [() => rmSync(folder, { recursive: true })];
  const fleets = [];
  try {
    const ports = [await freePort(), await freePort()];
    const start = async (which) => {
      const [port] = ports.slice(which);
      const fleet = await startFleet(program, { workers: WORKERS, ...options, port }, folder);
      fleets[which] = fleet;
      await fleet.call('start');
    };
    ends.unshift(() => Promise.all(fleets.map(async (fleet) => noteEnd(row, await fleet.stop(), recyclesItself))));
    await Promise.all([start(0), start(1)]);
    const { port, end } = await startNginx(ports, folder);
    ends.unshift(end);
    const posts = askSteadily(port, row, { methods: ['POST'], keepAlive: true });
    ends.unshift(async () => {
      await posts.stop();
      // The errors that nginx logged; where one fleet refused, nginx has asked the other.
      const errors = readFileSync(join(folder, 'errors.log'), 'utf8').trimEnd().split('\n');
      const notable = errors.filter((line) => !line.includes('Connection refused')).slice(-DESCRIBED);
      if (row.failures.length > 0) row.failures.push(...notable);
    });
    await delay(BETWEEN);
    while (turns.next()) {
      const which = turns.done % 2;
      await fleets[which].call('leave');
      noteEnd(row, await fleets[which].stop(), recyclesItself);
      await start(which);
      await delay(BETWEEN);
    }
  } catch (error) {
    row.broken = true;
    row.failures.push(`the scenario failed: ${error.message}`, ...fleets.flatMap(({ log }) => log));
  } finally {
    for (const end of ends) await end();
  }
  return finished(row, turns, began, lossless);
}

/**
 * Balances over the ports. `max_fails=0`: with both servers taken out for a while it answers 502 by itself.
 * @returns `{ port, balance(ports), end() }`: `balance` gives it other servers, as a controller of Kubernetes does.
 */
export async function startNginx(ports, folder) {
  const port = await freePort();
  const configure = (behind) => {
    const servers = behind.map((each) => `server 127.0.0.1:${each} max_fails=0;`).join(' ');
    const text = readFileSync(CONF, 'utf8').replace('{ SERVERS', `{ ${servers}`).replace(':PORT', `:${port}`);
    writeFileSync(join(folder, 'nginx.conf'), text);
  };
  configure(ports);
  const nginx = spawn('nginx', ['-p', `${folder}/`, '-c', 'nginx.conf', '-e', 'errors.log'], { stdio: 'ignore' });
  const gone = once(nginx, 'exit');
  // It has no channel that ends with this process.
  const kill = () => nginx.kill('SIGTERM');
  process.once('exit', kill);
  const end = async () => {
    kill();
    await gone;
    process.off('exit', kill);
  };
  const listens = () =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
  await until(listens, 'nginx listens');
  const balance = (behind) => {
    configure(behind);
    nginx.kill('SIGHUP');
  };
  return { port, balance, end };
}

/**
 * Without waiting for an answer before the next request.
 * @param methods In turn.
 * @param keepAlive Whether clients keep their connections to nginx.
 */
export function askSteadily(port, row, { methods, keepAlive }) {
  const agent = new Agent({ keepAlive });
  const pending = new Set();
  const timer = setInterval(() => {
    for (let i = 0; i < LOT; i++) {
      const asked = askOne({ port, agent, method: methods[i % methods.length] }, row).finally(() =>
        pending.delete(asked),
      );
      pending.add(asked);
    }
  }, EVERY);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(pending);
      agent.destroy();
    },
  };
}

async function askOne({ port, agent, method }, row) {
  const began = performance.now();
  const outcome = await new Promise((resolve) => {
    const options = { port, host: '127.0.0.1', method, agent };
    const asked = request(options, (response) => {
      response.on('error', ({ code }) => resolve(code));
      response.resume().on('end', () => resolve(response.statusCode));
    });
    asked.setTimeout(PATIENCE, () => asked.destroy(new Error('no answer')));
    asked.on('socket', () => {
      if (!asked.reusedSocket) row.opened++;
    });
    asked.on('error', (error) => resolve(error.code ?? error.message));
    asked.end(method === 'POST' ? 'hello' : undefined);
  });
  const took = Math.round(performance.now() - began);
  row.asked++;
  if (outcome === 200) {
    row.answered++;
    row.worst = Math.max(row.worst, took);
    if (took > 500) row.delayed++;
    return;
  }
  // nginx answers 502 when the server behind it ends or refuses a connection.
  row[outcome === 502 ? 'reset' : 'other']++;
  if (row.failures.length < DESCRIBED) row.failures.push(`${outcome} after ${took} ms`);
}
