import { expect } from 'vitest';
import { connect } from '../../helpers/greetings.js';
import { patience } from '../../helpers/index.js';
import { median } from '../../helpers/keeping-clients.js';
import { testOnLinux as test } from '../../helpers/skip.js';
import { FAMILIES, type Family, sleepsOf, startStanding, sum, untilAsleep } from '../../helpers/standing-fleet.js';

const CONNECTIONS = 100;

/** The helper threads of V8 have no work of ours. */
const QUIET = { nodeArgs: ['--no-memory-reducer', '--single-threaded'] };

interface Cost {
  /** Wake-ups of all workers, for each connection. */
  readonly workers: number;
  /** Wake-ups of the master in a second. */
  readonly master: number;
}

/** One connection after the other, each when all processes sleep. The worker ends it: nothing else wakes one of them up. */
async function costOf(family: Family, env: Record<string, string>): Promise<Cost> {
  const { master, pids, target } = await startStanding({ family }, { ...QUIET, env });
  for (let i = 0; i < 20; i++) (await connect(target, 15_000)).socket.destroy();
  await untilAsleep([master.pid, ...pids], 200);
  const before = { master: sleepsOf(master.pid), at: performance.now() };
  const woken: number[] = [];
  for (let i = 0; i < CONNECTIONS; i++) {
    const sleeps = sum(pids.map(sleepsOf));
    const { outcome, socket } = await connect(target, 15_000);
    socket.destroy();
    expect(outcome).toBe('greeted');
    await untilAsleep(pids, 3);
    woken.push(sum(pids.map(sleepsOf)) - sleeps);
  }
  return {
    // Where the worker that was woken gets no CPU the master asks all of them to look.
    workers: median(woken),
    master: ((sleepsOf(master.pid) - before.master) * 1_000) / (performance.now() - before.at),
  };
}

for (const family of FAMILIES) {
  test(
    `A1 a connection wakes one of four sleeping workers, and the master by the time and not by the connection (${family})`,
    async () => {
      const standing = await costOf(family, {});
      const plain = await costOf(family, { PREFORK_ACCEPT: 'plain' });
      expect(standing.workers).toBeLessThan(1.5);
      expect(plain.workers).toBeGreaterThan(3.5);
      // Up to eight times in 60 ms while it finds connections in the queue (idle.test.ts). A wake-up for each connection would be one in 6 ms.
      expect(standing.master).toBeLessThan(140);
    },
    patience(90_000),
  );
}
