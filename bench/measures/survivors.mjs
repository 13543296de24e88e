// The workers that are left after the master was killed while every worker is blocked.
import { setTimeout as delay } from 'node:timers/promises';
import { block } from '../lib/blocked.mjs';
import { isAlive } from '../lib/processes.mjs';
import { say } from '../lib/report.mjs';
import { available, startServer } from '../lib/servers.mjs';
import { bounds, sections } from '../sections/survivors.mjs';

export { bounds, sections };
export const title = 'Survivors of the master';

const WORKERS = 4;
/** When the first look is, and the last. */
const AFTER_MS = 1_000;
const LAST_MS = { quick: 6_000, full: 8_000 };
/** A worker is blocked for this time: beyond the last look. */
const BLOCKED_MS = 60_000;

const MODES = ['cluster', 'pm2', 'shared'];
const QUICK = ['cluster', 'shared'];
const cases = [
  { name: 'cluster', mode: 'cluster' },
  { name: 'pm2', mode: 'pm2' },
  { name: 'shared', mode: 'shared' },
  { name: 'shared, grace period 500 ms', mode: 'shared', fleet: { shutdownGracePeriod: 500 } },
  { name: "shared, onMasterDeath: 'kill'", mode: 'shared', fleet: { onMasterDeath: 'kill' } },
];

export async function run({ quick, peers }) {
  const last = LAST_MS[quick ? 'quick' : 'full'];
  const rows = [];
  const modes = available(quick ? QUICK : MODES, peers);
  for (const { name, mode, fleet } of cases.filter((each) => modes.includes(each.mode))) {
    say(`survivors: ${name}`);
    rows.push({ name, mode, ...(await orphaned({ mode, fleet, last }, peers)) });
  }
  return { rows, workers: WORKERS, after: AFTER_MS, last };
}

async function orphaned({ mode, fleet, last }, peers) {
  const server = await startServer(mode, { workers: WORKERS, app: {}, fleet }, peers);
  const [master, ...workers] = server.pids;
  const alive = () => workers.filter(isAlive);
  try {
    const blocked = new Set();
    while (blocked.size < WORKERS) blocked.add((await block({ port: server.port, ms: BLOCKED_MS, kind: 'stand' })).pid);
    let goneIn;
    const killed = performance.now();
    process.kill(master, 'SIGKILL');
    let survivors;
    while (performance.now() - killed < last && (survivors === undefined || alive().length > 0)) {
      await delay(20);
      if (survivors === undefined && performance.now() - killed >= AFTER_MS) survivors = alive().length;
      if (alive().length === 0) goneIn ??= performance.now() - killed;
    }
    return { survivors, left: alive().length, goneIn };
  } finally {
    // No other process ends them.
    for (const pid of alive()) process.kill(pid, 'SIGKILL');
    await server.stop();
  }
}
