// What a supervisor does to a fleet: with its own defaults and a fleet that takes its time, then with the settings of the guide.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ROOT } from '../../../scripts/tools/paths.mjs';
import { freePort } from '../../loss/free-port.mjs';
import { isAlive, until } from '../fleet.mjs';

/** Milliseconds that a stopped fleet is watched for a SIGKILL: longer than the default of any supervisor here. */
const WATCHED = 14_000;

/**
 * @param supervisor Of supervisors.mjs: `start(context)` → `{ stop(), reload?(), restart?(), end() }`.
 * @returns the cells of its row, and what is not as the guide says.
 */
export async function examineSignals(supervisor) {
  if (supervisor.blind) return await inFolder(supervisor, { defaults: true, grace: 5_000 }, watchBlind);
  const patient = await inFolder(supervisor, { defaults: true, grace: 60_000 }, watchStop);
  const set = await inFolder(supervisor, { defaults: false, grace: 5_000 }, wholeLife);
  return { ...patient, ...set, problems: set.problems };
}

async function inFolder(supervisor, { defaults, grace }, examine) {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-signals-'));
  const notes = join(folder, 'notes');
  const port = await freePort();
  cpSync(join(import.meta.dirname, 'server.mjs'), join(folder, 'server.mjs'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(ROOT, join(folder, 'node_modules/prefork'));
  const env = { ...process.env, NOTES: notes, PORT: String(port), GRACE: String(grace) };
  const fleet = await supervisor.start({ folder, defaults, env, node: process.execPath });
  const read = () =>
    (existsSync(notes) ? readFileSync(notes, 'utf8') : '')
      .trim()
      .split('\n')
      .map((line) => line.split(' '));
  const state = {
    port,
    read,
    master: () => Number(read().findLast(([role, , what]) => role === 'master' && what === 'began')?.[1]),
  };
  try {
    // A worker that boots yet would get SIGTERM from the master.
    await until(() => read().filter(([, , what]) => what === 'serves').length === 2, 'both workers serve');
    await delay(500);
    return await examine(fleet, state);
  } finally {
    const pid = state.master();
    await fleet.end();
    if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    await until(() => !isAlive(pid), 'the master is gone');
    await until(() => workersOf(read()).every((worker) => !isAlive(worker)), 'the workers are gone');
    rmSync(folder, { recursive: true, force: true });
  }
}

function workersOf(lines) {
  return [...new Set(lines.flatMap(([role, pid]) => (role === 'worker' ? [Number(pid)] : [])))];
}

/** A request holds the fleet for longer than any supervisor waits: who gets which signal, and when is the master killed? */
async function watchStop(fleet, { port, read, master }) {
  const client = new AbortController();
  const held = ask(port, 60_000, client.signal).catch(() => {});
  await delay(200);
  const pid = master();
  const before = read().length;
  const stopped = fleet.stop().catch(() => {});
  await until(() => read().length > before, 'a signal arrived');
  const first = read()[before];
  const deadline = Number(first.at(-1)) + WATCHED;
  while (isAlive(pid) && Date.now() < deadline) await delay(10);
  const killed = isAlive(pid) ? undefined : Date.now() - Number(first.at(-1));
  const got = read()
    .slice(before)
    .filter(([, , what]) => what.startsWith('SIG'));
  // Ends what the supervisor may still wait for.
  if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  await stopped;
  client.abort();
  await held;
  return { got: inWords(got), killed: killed === undefined ? 'none' : `after ${(killed / 1000).toFixed(1)} s` };
}

/** It passes nothing on: it ends, and the fleet serves without it. */
async function watchBlind(fleet, { port, read, master }) {
  const before = read().length;
  await fleet.stop();
  await fleet.gone;
  await delay(2_000);
  const serves = await ask(port, 0).then(
    () => true,
    () => false,
  );
  const problems = [];
  if (read().length > before || !serves || !isAlive(master())) problems.push('the fleet heard of the stop');
  process.kill(master(), 'SIGTERM');
  await until(() => !isAlive(master()), 'the master is gone');
  return {
    got: 'nothing: it ends, and the fleet goes on',
    killed: '–',
    reload: '–',
    restart: '–',
    stop: '–',
    problems,
  };
}

function inWords(lines) {
  const of = (role) => [...new Set(lines.filter(([who]) => who === role).map(([, , signal]) => signal))].join(', ');
  const [master, workers] = [of('master'), of('worker')];
  if (master === workers) return `${master} to all`;
  return [master && `${master} to the master`, workers && `${workers} to workers`].filter(Boolean).join(', ');
}

/** Reload and restart under load, then a stop with a request in flight. */
async function wholeLife(fleet, { port, read, master }) {
  const problems = [];
  const cells = { reload: '–', restart: '–' };
  if (fleet.reload !== undefined) {
    const { lost, asked } = await underLoad(port, async () => {
      const workers = workersOf(read()).length;
      await fleet.reload();
      await until(() => workersOf(read()).length === workers + 2, 'both workers were replaced');
      await delay(1_500);
    });
    cells.reload = `${lost} of ${asked} lost`;
    if (lost > 0) problems.push(`a reload lost ${lost} requests`);
  }
  if (fleet.restart !== undefined) {
    const before = master();
    await fleet.restart();
    await until(() => master() !== before, 'there is another master');
    await until(
      () =>
        ask(port, 0).then(
          () => true,
          () => false,
        ),
      'the new fleet answers',
    );
    cells.restart = 'a new master';
  }
  const slow = ask(port, 1_500).then(
    () => true,
    () => false,
  );
  await delay(200);
  const pid = master();
  const begun = Date.now();
  const stopped = fleet.stop();
  await until(() => !isAlive(pid), 'the master is gone', 20_000);
  cells.stop = `${((Date.now() - begun) / 1000).toFixed(1)} s`;
  await stopped;
  if (!(await slow)) problems.push('the stop cut a request');
  if (!read().some(([role, who, what]) => role === 'master' && Number(who) === pid && what === 'ended')) {
    problems.push('the fleet did not end by itself');
  }
  return { ...cells, problems };
}

async function underLoad(port, work) {
  let [asked, lost, over] = [0, 0, false];
  const client = async () => {
    while (!over) {
      asked += 1;
      await ask(port, 1).catch(() => {
        lost += 1;
      });
      await delay(5);
    }
  };
  const clients = [client(), client()];
  try {
    await work();
  } finally {
    over = true;
    await Promise.all(clients);
  }
  return { asked, lost };
}

/** On a connection of its own. */
function ask(port, ms, signal) {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port, path: `/${ms}`, agent: false, signal }, (response) => {
      response.resume().on('end', resolve).on('error', reject);
    });
    request.on('error', reject);
  });
}
