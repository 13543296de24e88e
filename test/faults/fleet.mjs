// A master of the suite: starts it in a session of its own, gives it orders, reads its log and its replies.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openAt } from '../loss/tallies.mjs';
import { until } from '../loss/waiting.mjs';
import { descriptors, isAlive, marked } from './processes.mjs';

const SERVER = fileURLToPath(new URL('server.mjs', import.meta.url));
const TALLY = new URL('../fixtures/tally.mjs', import.meta.url).href;
export const WORKERS = 2;
/** Milliseconds in which what takes a moment has happened. */
export const SOON = 20_000;

let last = 0;

/**
 * @param options Of the fleet, beside those that each fleet here has: an address of TCP and one of unix, a pid file, an admin door.
 * @param wrapper A command that runs the command behind it, and that the kernel replaces by it.
 * @param output Descriptor for stdout and stderr, instead of a file that `log` reads.
 */
export async function makeFleet({
  options = {},
  wrapper = [],
  output,
  env = {},
  folder: given,
  path: elsewhere,
  owner,
} = {}) {
  const folder = given ?? mkdtempSync(join(tmpdir(), 'prefork-faults-'));
  const tally = join(folder, 'tally');
  mkdirSync(tally, { recursive: true });
  // The user of the fleet, when it is not the one of the suite.
  if (owner !== undefined) for (const one of [folder, tally]) chownSync(one, owner, owner);
  // A next master has the same folder.
  const replies = join(folder, `replies-${++last}`);
  const logFile = join(folder, 'log');
  const path = elsewhere ?? join(folder, 's');
  const config = {
    replies,
    options: {
      listen: ['127.0.0.1:0', `unix:${path}`],
      workers: WORKERS,
      pidFile: join(folder, 'pid'),
      admin: join(folder, 'door'),
      execArgv: ['--import', TALLY],
      ...options,
    },
  };
  // Another node for the workers: it runs this program, too.
  if (options.exec !== undefined) config.options.args = [SERVER, JSON.stringify(config)];
  const marker = `PREFORK_FAULTS=${process.pid}-${last}`;
  const [name, value] = marker.split('=');
  const log = openSync(logFile, 'a');
  const [file, ...args] = [...wrapper, process.execPath, SERVER, JSON.stringify(config)];
  const child = spawn(file, args, {
    detached: true,
    env: { ...process.env, ...env, [name]: value, PREFORK_TALLY: tally, NO_COLOR: '1' },
    stdio: ['ignore', output ?? log, output ?? log, 'ipc'],
  });
  child.on('error', () => {}); // EPIPE of an order that comes too late
  closeSync(log);
  let ended;
  const exit = once(child, 'exit').then(([code, signal]) => {
    ended = { code, signal };
    return ended;
  });
  let orders = 0;
  const repliesNow = () =>
    (existsSync(replies) ? readFileSync(replies, 'utf8') : '')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  return {
    pid: child.pid,
    folder,
    path,
    exit,
    get ended() {
      return ended;
    },
    get log() {
      return readFileSync(logFile, 'utf8');
    },
    /** @returns `{ value }` or `{ error }`; `{ gone }` when the master has ended first. */
    async order(name, ...args) {
      const id = ++orders;
      if (child.connected) child.send({ id, name, args }, () => {});
      const answer = () => repliesNow().find((reply) => reply.id === id);
      return await until(() => answer() ?? (ended && { gone: ended }), `${name}\n${this.log}`, 40_000);
    },
    /** @throws what the order does. */
    async call(name, ...args) {
      const { value, error, gone } = await this.order(name, ...args);
      if (gone !== undefined) throw new Error(`the master has ended: ${JSON.stringify(gone)}\n${this.log}`);
      if (error !== undefined) throw new Error(error.message);
      return value;
    },
    descriptors: () => descriptors(child.pid),
    processes: () => marked(marker),
    /** Files that a master has made and not removed. */
    leftovers: () => readdirSync(folder).filter((file) => !/^(tally|log|hang-up|replies-.*)$/.test(file)),
    signal: (signal) => process.kill(child.pid, signal),
    openAt: (pid) => openAt(tally, pid),
    /** Whatever is left of it ends. */
    async dispose() {
      for (const pid of this.processes()) if (isAlive(pid)) kill(pid);
      await exit;
      if (child.connected) child.disconnect();
      await until(() => this.processes().length === 0, 'the processes of the fleet end', SOON);
      if (given === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}
