import { expect, test } from 'vitest';
import { eventually, httpGet, processInfo, startReadyFleet } from '../helpers/index.js';

test('L3 sharded: nobody waits for the respawn of a worker that was killed', async () => {
  const { master, port, pids } = await startReadyFleet({
    options: { sharing: 'sharded', workers: 4, recoverInterval: 2_000 },
  });
  const [killed] = pids as [number];
  // Stopped first: what it accepts it would take with it.
  process.kill(killed, 'SIGSTOP');
  await eventually(() => processInfo(killed)?.state === 'T', { what: 'the worker is stopped' });
  setImmediate(() => process.kill(killed, 'SIGKILL'));
  const times = await Promise.all(
    Array.from({ length: 200 }, async () => {
      const begin = performance.now();
      await httpGet({ port });
      return performance.now() - begin;
    }),
  );
  expect(Math.max(...times)).toBeLessThan(1_000);
  // Not because somebody was there again already.
  expect(master.events('onChildRecover')).toEqual([]);
  await master.event('onChildRecover');
  const { workers } = await master.call('status');
  expect(workers).toHaveLength(4);
});
