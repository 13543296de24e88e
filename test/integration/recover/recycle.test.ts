import { expect } from 'vitest';
import { patience, startReadyFleet } from '../../helpers/index.js';
import { expectNothingLost, startLoad } from '../../helpers/load.js';
import { eachSharing, LOSSLESS } from '../../helpers/sharing.js';

const WORKERS = 3;
const RECYCLED = 6;

const limits = [
  { limit: 'maxRequests', recycle: { maxRequests: 200 } },
  { limit: 'maxAge', recycle: { maxAge: 1_500, jitter: 0.5 } },
  // Every worker has more than that from its first request on.
  { limit: 'maxRss', recycle: { maxRss: 1_000_000 }, needs: ['residentMemory'] },
] as const;

const rows = LOSSLESS.flatMap((sharing) => limits.map((limit) => ({ sharing, ...limit })));

eachSharing(rows)(
  'L11 recycling by $limit loses nothing under load, and replaces one slot at a time, new worker first ($sharing)',
  async ({ sharing, recycle, limit }) => {
    const { master, pids, port } = await startReadyFleet({
      // A short trial: the test is about the hand-overs behind it.
      options: { workers: WORKERS, sharing, recycle, readyFor: 100 },
    });
    const load = startLoad({ port, mode: 'per-request', concurrency: 8 });
    await master.event('onChildExit', { nth: RECYCLED, within: 90_000 });
    expectNothingLost(await load.stop());

    // The master only starts a successor when the one before it serves.
    const successors = master.events('on spawn').slice(WORKERS);
    const serving = new Map(master.events('serve').map(({ pid, at }) => [pid as number, at]));
    for (const [i, { at }] of successors.entries()) {
      const before = successors[i - 1];
      if (before !== undefined) expect(serving.get(before['args'][0])).toBeLessThan(at);
    }
    for (const { exit } of master.events('onChildExit')) expect(exit).toMatchObject({ requested: true });
    expect(master.stderr).toMatch(
      new RegExp(`worker \\d \\(pid \\d+, generation 0\\) is recycled: .*recycle\\.${limit}`),
    );
    expect(await master.call('status')).toMatchObject({ recoveries: 0, generation: 0 });
    expect(master.events('onChildRecover')).toEqual([]);
    expect(pids.length).toBe(WORKERS);
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
  patience(120_000),
);
