import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { patience, startReadyFleet, target } from '../../helpers/index.js';
import { expectNothingLost, startLoad } from '../../helpers/load.js';
import { eachSharing, LOSSLESS } from '../../helpers/sharing.js';

const RELOADS = 20;
const WORKERS = 2;

const folder = mkdtempSync(join(tmpdir(), 'prefork-l4-'));
afterAll(() => rmSync(folder, { recursive: true }));

eachSharing(LOSSLESS)(
  'L4 20 reloads in a row lose no connection of clients that make one per request, on IPv4, IPv6 and, where there are any, a unix socket (%s)',
  async (sharing) => {
    const unix = target.lacks.unixSockets === undefined ? [{ path: join(folder, sharing) }] : [];
    const { master, pids, addresses } = await startReadyFleet({
      // A server object listens on every address.
      serve: 'ready-made http',
      // The test is about hand-overs, and a short trial lets more of them fit into the time.
      options: { workers: WORKERS, sharing, readyFor: 100, listen: ['127.0.0.1:0', '[::1]:0', ...unix] },
    });
    const [port = 0, port6 = 0] = addresses.map((address) => address.port);
    const loads = [{ port }, { port: port6, host: '::1' }, ...unix].map((where) =>
      startLoad({ ...where, mode: 'per-request', concurrency: 4 }),
    );
    const answered = (more: number) => Promise.all(loads.map((load) => load.answered(more)));
    await answered(30);
    for (let generation = 1; generation <= RELOADS; generation++) {
      const result = await master.call('reload');
      expect(result).toMatchObject({ ok: true, generation });
      expect(result.replaced).toHaveLength(WORKERS);
      await answered(10);
    }
    for (const load of loads) {
      const report = await load.stop();
      expectNothingLost(report);
      // Every client met every generation.
      expect(Object.keys(report.pids).length).toBeGreaterThan(RELOADS);
    }
    expect(await master.call('status')).toMatchObject({ state: 'running', generation: RELOADS, recoveries: 0 });
    for (const pid of pids) expect(master.workers()).not.toContain(pid);
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
  patience(240_000),
);
