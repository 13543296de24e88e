// Reloads under thousands of kept connections, whose clients ask now and then. No request may be lost: a replaced worker keeps an idle
// connection until its next request, which it answers with `Connection: close`.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { startClient, startFleet } from '../loss/processes.mjs';
import { until } from '../loss/waiting.mjs';

/** Processes of clients. */
const PROCESSES = 4;
/**
 * Milliseconds in which the clients connect, the longest time that one is idle, and the time after which a worker ends idle ones: it never
 * has to. Some hundred requests a second leave a machine the time for the reloads.
 */
const [RAMP, PAUSE, DRAIN] = [20_000, 90_000, 150_000];
/** The replaced ones stay for PAUSE: with each further worker there would be so many more of them. */
const WORKERS = 2;
/** Milliseconds that a client waits for an answer. */
const PATIENCE = 60_000;
/** Milliseconds between two reloads. */
const BETWEEN = 500;
/** Descriptors of a process beside its connections. A worker without an eighth of its limit accepts no more. */
const BESIDE = 200;
const enoughFor = (connections) => Math.ceil(((connections + BESIDE) * 8) / 7);
/** Longer than any run. */
const ENDLESS = { requests: 1e9, duration: 2 ** 31 - 1 };

/** @returns a row for report.mjs. */
export async function kept({ fleet: { name, program, options }, counts, folder, signal, say }) {
  const row = { name, reloads: 0, seconds: 0, held: [], draining: 0, clients: [], broken: [], notes: [] };
  const connections = possible(counts.connections, row.notes);
  const given = { workers: WORKERS, readyFor: 100, ...options, drainTimeout: DRAIN };
  const fleet = await startFleet(program, given, folder);
  const clients = [];
  const held = async () => {
    const { workers } = await fleet.call('status');
    row.draining = Math.max(row.draining, workers.filter(({ state }) => state === 'draining').length);
    return workers.reduce((total, { pid }) => total + fleet.openAt(pid), 0);
  };
  const began = performance.now();
  try {
    const port = await fleet.call('start');
    const client = {
      mode: 'keep-alive',
      comesBack: true,
      pause: PAUSE,
      ramp: RAMP,
      concurrency: connections / PROCESSES,
    };
    for (let i = 0; i < PROCESSES; i++) {
      clients.push(startClient({ port, patience: PATIENCE, traced: true, ...ENDLESS, ...client }));
    }
    // Some have just been answered for the last time, and come again later.
    await until(async () => signal.aborted || (await held()) > 0.95 * connections, 'all clients are connected');
    while (row.reloads < counts.reloads && !signal.aborted) {
      await fleet.call('reload');
      row.reloads++;
      row.held.push(await held());
      if (row.reloads % 10 === 0) say(`kept: ${name}: ${row.reloads} reloads, ${row.held.at(-1)} connections`);
      await delay(BETWEEN, undefined, { signal }).catch(() => {});
    }
  } catch (error) {
    row.broken.push(`the soak failed: ${error.stack}`, ...fleet.log);
  } finally {
    row.clients = await Promise.all(clients.map((each) => each.stop()));
    row.seconds = Math.round((performance.now() - began) / 1_000);
    await fleet.stop();
  }
  const lost = row.clients.flatMap((each) => each.lost);
  for (const request of lost.slice(0, 20)) row.broken.push(`lost: ${JSON.stringify(request)}`);
  if (lost.length > 0) row.broken.push(`${lost.length} requests were lost`);
  return { ...row, lost: lost.length };
}

/** Raises the limit of this process, which the fleet and the clients inherit, where it may. */
function possible(connections, notes) {
  const wanted = enoughFor(connections);
  // The hard limit: Node itself raises the soft one to it.
  if (limit() < wanted) spawnSync('prlimit', [`--pid=${process.pid}`, `--nofile=${wanted}:${wanted}`]);
  if (limit() >= wanted) return connections;
  const fewer = Math.floor((limit() * 7) / 8) - BESIDE;
  notes.push(`ulimit -n is ${limit()}: ${fewer} connections instead of ${connections}`);
  return fewer;
}

function limit() {
  const [, hard] = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'));
  return hard === 'unlimited' ? Infinity : Number(hard);
}
