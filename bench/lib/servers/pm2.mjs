// PM2 in cluster mode, by its own command line, with its own PM2_HOME, which this module removes afterwards.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '../../../test/loss/free-port.mjs';

const APP = fileURLToPath(new URL('./pm2-app.mjs', import.meta.url));
/** For one command, and until all workers have answered. */
const PATIENCE_MS = 60_000;
const run = promisify(execFile);

export async function pm2({ workers: count, app, program }) {
  const home = mkdtempSync(join(tmpdir(), 'prefork-bench-pm2-'));
  const port = await freePort();
  const env = {
    ...process.env,
    PM2_HOME: home,
    // PM2 would ask the network for newer versions.
    PM2_DISABLE_VERSION_CHECK: 'true',
    PM2_DISCRETE_MODE: 'true',
    BENCH: JSON.stringify({ port, app }),
  };
  // The command that starts the daemon has to end before another command can end the daemon.
  let running = Promise.resolve();
  let stopping = false;
  const command = async (...args) => {
    if (stopping && args[0] !== 'kill') throw new Error('PM2 is being stopped');
    const asked = run(process.execPath, [program, ...args], { env, timeout: PATIENCE_MS, maxBuffer: 2 ** 26 });
    running = asked.catch(() => {});
    return (await asked).stdout;
  };
  const daemon = () => Number(readFileSync(join(home, 'pm2.pid'), 'utf8'));
  const workers = async () => {
    const text = await command('jlist');
    return JSON.parse(text.slice(text.indexOf('[')))
      .filter(({ pid, pm2_env: { status } }) => pid > 0 && status === 'online')
      .map(({ pid }) => pid);
  };
  const pids = async () => [daemon(), ...(await workers())];
  /** "online" only says that PM2 started the workers; their answers show whether they serve. */
  const serving = async (wanted) => {
    const seen = new Set();
    const end = performance.now() + PATIENCE_MS;
    while (wanted.some((pid) => !seen.has(pid))) {
      if (stopping || performance.now() > end) throw new Error(`PM2: ${seen.size} of ${wanted.length} workers answer`);
      const pid = await whoAnswers(port).catch(() => delay(5));
      if (pid !== undefined) seen.add(pid);
    }
  };
  return {
    async start() {
      await command('start', APP, '-i', String(count), '--name', 'bench', '--no-vizion');
      const all = await pids();
      await serving(all.slice(1));
      return { port, pids: all };
    },
    pids,
    reload: () => command('reload', 'bench'),
    async scale(target) {
      await command('scale', 'bench', String(target));
      await serving(await workers());
    },
    async stop() {
      stopping = true;
      await running;
      const pid = daemonOrNone(daemon);
      // Without a running daemon the command would start one.
      if (pid !== undefined && isAlive(pid)) await command('kill').catch(() => {});
      // The daemon answers before it has ended; after a failed `kill` this process has to end it.
      const end = performance.now() + 5_000;
      while (pid !== undefined && isAlive(pid) && performance.now() < end) await delay(20);
      if (pid !== undefined && isAlive(pid)) process.kill(pid, 'SIGKILL');
      rmSync(home, { recursive: true, force: true });
      process.exit();
    },
  };
}

function daemonOrNone(daemon) {
  try {
    return daemon();
  } catch {
    return undefined; // the daemon never started
  }
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function whoAnswers(port) {
  return new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', agent: false }, (response) => {
      response.once('data', (text) => resolve(Number(text)));
    }).once('error', reject);
  });
}
