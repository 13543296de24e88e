// Reloads under thousands of kept connections, whose clients ask now and then. No request may be lost: a replaced worker keeps an idle
// connection until its next request, which it answers with `Connection: close`.
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
/** The share of the connections that there are at any time: some have just been closed with an answer, and come again. */
const HELD = 0.95;
/** Longer than any run. */
const ENDLESS = { requests: 1e9, duration: 2 ** 31 - 1 };

/** @returns a row for report.mjs. */
export async function kept({ fleet: { name, program, options }, counts, folder, signal, say }) {
  const row = { name, reloads: 0, seconds: 0, held: [], draining: 0, clients: [], broken: [] };
  const { connections } = counts;
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
    };
    for (let i = 0; i < PROCESSES; i++) {
      const concurrency = Math.floor((connections + i) / PROCESSES);
      if (concurrency === 0) continue;
      clients.push(startClient({ port, patience: PATIENCE, traced: true, ...ENDLESS, ...client, concurrency }));
    }
    await until(async () => signal.aborted || (await held()) >= HELD * connections, 'all clients are connected');
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
    const wrong = await fleet.stop();
    if (wrong !== undefined) row.broken.push(wrong);
  }
  const fewest = Math.min(...row.held);
  if (fewest < HELD * connections) row.broken.push(`only ${fewest} of ${connections} connections were held`);
  const lost = row.clients.flatMap((each) => each.lost);
  for (const request of lost.slice(0, 20)) row.broken.push(`lost: ${JSON.stringify(request)}`);
  if (lost.length > 0) row.broken.push(`${lost.length} requests were lost`);
  return { ...row, lost: lost.length };
}
