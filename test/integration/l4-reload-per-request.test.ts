import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { startReadyFleet } from '../helpers/index.js';
import { expectNothingLost, startLoad } from '../helpers/load.js';
import { LOSSLESS } from '../helpers/sharing.js';

const RELOADS = 20;
const WORKERS = 2;

const folder = mkdtempSync(join(tmpdir(), 'prefork-l4-'));
afterAll(() => rmSync(folder, { recursive: true }));

const places = [
  { where: 'IPv4', maxSurge: 1, listen: '127.0.0.1:0', client: (port: number) => ({ port }) },
  { where: 'IPv6', maxSurge: 2, listen: '[::1]:0', client: (port: number) => ({ port, host: '::1' }) },
  {
    where: 'a unix socket',
    maxSurge: 2,
    listen: { path: join(folder, 'socket') },
    client: () => ({ path: join(folder, 'socket') }),
  },
];
const rows = LOSSLESS.flatMap((sharing) => places.map((place) => ({ sharing, ...place })));

test.each(rows)(
  'L4 20 reloads in a row lose no connection of clients that make one per request ($sharing, $where)',
  async ({ sharing, maxSurge, listen, client }) => {
    const { master, pids, port } = await startReadyFleet({ options: { workers: WORKERS, sharing, maxSurge, listen } });
    const load = startLoad({ ...client(port), mode: 'per-request' });
    await load.answered(50);
    for (let generation = 1; generation <= RELOADS; generation++) {
      const result = await master.call('reload');
      expect(result).toMatchObject({ ok: true, generation });
      expect(result.replaced).toHaveLength(WORKERS);
      await load.answered(20);
    }
    const report = await load.stop();
    expectNothingLost(report);
    // The load met every generation, and every one of them served.
    expect(Object.keys(report.pids).length).toBeGreaterThan(RELOADS);
    expect(await master.call('status')).toMatchObject({ state: 'running', generation: RELOADS, recoveries: 0 });
    for (const pid of pids) expect(master.workers()).not.toContain(pid);
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
  90_000,
);
