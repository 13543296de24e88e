import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { FleetReading } from '../../../lib/types.js';
import { connectRaw, eventually, startReadyFleet, testOn, testWithProc } from '../../helpers/index.js';

const WORKERS = 4;
/** Milliseconds; a reading takes a tenth of it. */
const BOUND = 5;

/** How often the main thread of a process has gone to sleep. */
function sleeps(pid: number): number {
  const [, count] = /^voluntary_ctxt_switches:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(count);
}

testOn('sharedMemory')(
  `M2 with every worker blocked a reading takes at most ${BOUND} ms, and says since when each is late`,
  async () => {
    const { master, port } = await startReadyFleet({ options: { workers: WORKERS, shutdownGracePeriod: 500 } });
    const before = Date.now();
    for (let blocked = 0; blocked < WORKERS; blocked++) {
      const client = await connectRaw({ port });
      client.write('GET /sleep HTTP/1.1\r\nHost: fixture\r\n\r\n');
      await master.event('request', { where: ({ path }) => path === '/sleep', nth: blocked + 1 });
    }
    const late = (await eventually(
      async () => {
        const { reading } = await master.call('readings', 1);
        return reading.workers.every(({ lastTurnAt }: { lastTurnAt: number }) => lastTurnAt < reading.at) && reading;
      },
      { what: 'every worker is late' },
    )) as FleetReading;
    expect(late.workers).toHaveLength(WORKERS);
    for (const worker of late.workers) {
      expect(worker).toMatchObject({ counted: true, activeRequests: 1, requestsTotal: 1, connections: 1 });
      expect(worker.lastTurnAt).toBeGreaterThan(before - 11_000);
      expect(worker.loopDelayMax).toBeGreaterThan(50);
      expect(worker.rss).toBeGreaterThan(1_000_000);
    }
    const { took } = await master.call('readings', 21);
    // Whatever else the machine runs interrupts some of them.
    expect(took.sort((a: number, b: number) => a - b)[5]).toBeLessThan(BOUND);
    master.kill('SIGKILL');
    await master.gone();
  },
);

testWithProc('M3 a reading wakes no worker', async () => {
  const { master, pids } = await startReadyFleet({ options: { workers: 2 } });
  const READINGS = 500;
  const before = pids.map(sleeps);
  await master.call('readings', READINGS);
  // A beat, or a timer of Node, may fall into that time.
  for (const [i, pid] of pids.entries()) expect(sleeps(pid) - (before[i] as number)).toBeLessThan(READINGS / 10);
  master.kill('SIGTERM');
  await master.gone();
});
