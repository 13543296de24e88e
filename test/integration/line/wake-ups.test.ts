import { expect } from 'vitest';
import { connect } from '../../helpers/greetings.js';
import { patience } from '../../helpers/index.js';
import { median } from '../../helpers/keeping-clients.js';
import { testOnLinux as test } from '../../helpers/skip.js';
import { FAMILIES, type Family, sleepsOf, startStanding, sum, untilAsleep } from '../../helpers/standing-fleet.js';

const CONNECTIONS = 100;
/** Where the worker that was woken gets no CPU the master asks all of them to look: on a busy machine a few of many. */
const MOST = 80;
/** Milliseconds. A master that wakes up by the time, twice in 55 ms while connections come, sleeps through most of those that take less. */
const QUICK = 12;

/** The helper threads of V8 have no work of ours. */
const QUIET = { nodeArgs: ['--no-memory-reducer', '--single-threaded'] };

interface Cost {
  /** Wake-ups. */
  readonly workers: number;
  readonly master: number;
  readonly ms: number;
}

/** Of one connection after the other, each when all processes sleep. The worker ends it: nothing else wakes one of them up. */
async function costsOf(family: Family, env: Record<string, string>): Promise<readonly Cost[]> {
  const { master, pids, target } = await startStanding({ family }, { ...QUIET, env });
  for (let i = 0; i < 20; i++) (await connect(target, 15_000)).socket.destroy();
  await untilAsleep([master.pid, ...pids], 200);
  const now = (): Cost => ({
    workers: sum(pids.map(sleepsOf)),
    master: sleepsOf(master.pid),
    ms: performance.now(),
  });
  const costs: Cost[] = [];
  for (let i = 0; i < CONNECTIONS; i++) {
    const before = now();
    const { outcome, socket } = await connect(target, 15_000);
    socket.destroy();
    expect(outcome).toBe('greeted');
    await untilAsleep(pids, 3);
    const after = now();
    costs.push({
      workers: after.workers - before.workers,
      master: after.master - before.master,
      ms: after.ms - before.ms,
    });
  }
  return costs;
}

for (const family of FAMILIES) {
  test(
    `A1 a connection wakes one of four sleeping workers, and the master by the time and not by the connection (${family})`,
    async () => {
      const standing = await costsOf(family, {});
      const plain = await costsOf(family, { PREFORK_ACCEPT: 'plain' });
      const woken = standing.map(({ workers }) => workers).toSorted((a, b) => a - b);
      expect(sum(woken.slice(0, MOST)) / MOST).toBeLessThan(1.5);
      expect(sum(plain.map(({ workers }) => workers)) / CONNECTIONS).toBeGreaterThan(3.5);
      const quick = standing.filter(({ ms }) => ms < QUICK);
      // On a machine that is so busy that few are, idle.test.ts counts by the time, under thousands of connections.
      if (quick.length > CONNECTIONS / 5) expect(median(quick.map(({ master }) => master))).toBe(0);
    },
    patience(120_000),
  );
}
