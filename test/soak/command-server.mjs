// The fleet of the command, which this program starts, and asks at its admin door: node command-server.mjs '{ "workers": 4 }'
// It does what test/loss/prefork-server.mjs does.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openConnection } from '../../dist/client/connection.js';
import { caller } from '../loss/calls.mjs';
import { obey } from '../loss/control.mjs';
import { OWN_OPTIONS } from '../loss/own-options.mjs';
import { until } from '../loss/waiting.mjs';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'prefork-command-'));
const orders = join(folder, 'orders');
const config = join(folder, 'config.json');
const admin = join(folder, 'door');
const { recoverThreshold, ...options } = { ...OWN_OPTIONS, ...JSON.parse(process.argv[2]) };
mkdirSync(orders);
writeFileSync(config, JSON.stringify({ app: path('command-app.mjs'), admin, ...options }));

const command = [path('../../dist/command/prefork.cjs'), '--recover-threshold', recoverThreshold, '--config', config];
const master = spawn(process.execPath, ['--import', path('command-master.mjs'), ...command.map(String)], {
  env: { ...process.env, SOAK_ORDERS: orders },
  stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
});
const gone = once(master, 'exit');
const call = caller(master);

let door;
/** The master cuts off a client that has been silent for a minute, and one that comes while it has no descriptor. */
async function ask(method, params) {
  door ??= openConnection(admin);
  const used = door;
  try {
    return await (await used).ask(method, params);
  } catch (error) {
    if (door === used && error.name !== 'Refusal') door = undefined;
    throw error;
  }
}
const askUntilAnswered = (method) => until(() => ask(method).catch(() => undefined), `the master answers ${method}`);
const ready = ({ workers }) => workers.filter(({ state }) => state === 'ready').map(({ pid }) => pid);
const order = (pid, message) => {
  appendFileSync(join(orders, String(pid)), `${JSON.stringify(message)}\n`);
  return process.kill(pid, 'SIGUSR2');
};

let stopping;
async function stop() {
  // It stops when its channel ends, and this channel would keep it alive.
  if (master.connected) master.disconnect();
  await gone;
  rmSync(folder, { recursive: true });
}

obey({
  async start() {
    const status = await until(async () => {
      if (master.exitCode !== null) throw new Error(`the command ended with code ${master.exitCode}`);
      const now = await ask('status').catch(() => undefined);
      return now?.state === 'running' && now;
    }, 'the fleet runs');
    return status.addresses[0].port;
  },
  status: () => askUntilAnswered('status'),
  workers: async () => ready(await askUntilAnswered('status')),
  async reload() {
    const { ok, error } = await ask('reload');
    if (!ok) throw new Error(error.message);
  },
  scale: (workers) => ask('scale', { workers }),
  stall: (pid, ms) => order(pid, { ms }),
  sendTo: order,
  master: () => master.pid,
  memory: () => call('memory'),
  hoard: (on) => call('hoard', on),
  stop: () => (stopping ??= stop().then(() => process.exit())),
});
