// Who is left after the master was killed, when every worker is blocked.
import { setTimeout as delay } from 'node:timers/promises';
import { block } from '../lib/blocked.mjs';
import { isAlive } from '../lib/processes.mjs';
import { say } from '../lib/report.mjs';
import { available, startServer } from '../lib/servers.mjs';
import { bounds, sections } from '../sections/survivors.mjs';

export { bounds, sections };
export const title = 'Survivors of the master';

const WORKERS = 4;
/** Milliseconds: when the first look is, and the last. */
const [AFTER, LAST] = [1_000, 8_000];
/** Milliseconds that a worker is blocked: beyond the last look. */
const BLOCKED = 60_000;

const cases = [
  { name: 'cluster', mode: 'cluster' },
  { name: 'pm2', mode: 'pm2' },
  { name: 'shared', mode: 'shared' },
  { name: 'shared, grace period 500 ms', mode: 'shared', fleet: { shutdownGracePeriod: 500 } },
  { name: "shared, onMasterDeath: 'kill'", mode: 'shared', fleet: { onMasterDeath: 'kill' } },
];

export async function run({ peers }) {
  const rows = [];
  for (const { name, mode, fleet } of cases.filter((each) => available([each.mode], peers).length > 0)) {
    say(`survivors: ${name}`);
    rows.push({ name, mode, ...(await orphaned(mode, fleet, peers)) });
  }
  return { rows, workers: WORKERS, after: AFTER, last: LAST };
}

async function orphaned(mode, fleet, peers) {
  const server = await startServer(mode, { workers: WORKERS, app: {}, fleet }, peers);
  const [master, ...workers] = server.pids;
  const alive = () => workers.filter(isAlive);
  try {
    const blocked = new Set();
    while (blocked.size < WORKERS) blocked.add((await block({ port: server.port, ms: BLOCKED, kind: 'stand' })).pid);
    let goneIn;
    const killed = performance.now();
    process.kill(master, 'SIGKILL');
    let survivors;
    while (performance.now() - killed < LAST && (survivors === undefined || alive().length > 0)) {
      await delay(20);
      if (survivors === undefined && performance.now() - killed >= AFTER) survivors = alive().length;
      if (alive().length === 0) goneIn ??= performance.now() - killed;
    }
    return { survivors, left: alive().length, goneIn };
  } finally {
    // Nobody else ends them.
    for (const pid of alive()) process.kill(pid, 'SIGKILL');
    await server.stop();
  }
}
