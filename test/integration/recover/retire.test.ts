import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { type FleetConfig, httpGet, startFleet, testOn } from '../../helpers/index.js';
import { expectNothingLost, startLoad } from '../../helpers/load.js';
import { eachSharing, LOSSLESS } from '../../helpers/sharing.js';

async function started(config: FleetConfig & { readonly inServe?: string; readonly unbootable?: string } = {}) {
  const master = startFleet(config, {}, 'retires');
  const { pids, addresses } = await master.event('onMasterReady');
  return { master, pid: pids[0] as number, port: addresses[0].port as number };
}

/** A path that the fixture looks for, in a folder that ends with the test. */
function flag(): string {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-retire-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, 'flag');
}

eachSharing(LOSSLESS.map((sharing) => ({ sharing })))(
  'N11a a worker that retires after an uncaught exception is replaced before it leaves: alone in its fleet, and no client waits ($sharing)',
  async ({ sharing }) => {
    const { master, pid, port } = await started({ options: { workers: 1, sharing } });
    const load = startLoad({ port, mode: 'per-request', concurrency: 2 });
    // Longer than a drain may take on SIGTERM, for which the next client would wait then.
    const slow = httpGet({ port, path: '/slow?ms=6000' });
    await master.event('request', { where: ({ path }) => path === '/slow' });
    await httpGet({ port, path: '/throw' });
    const { exit } = await master.event('onChildExit', { where: (event) => event['pid'] === pid });
    const report = await load.stop();

    expect((await slow).json().pid).toBe(pid);
    expectNothingLost(report);
    // A spawn takes a fraction of a second; the old worker stays for six, and its grace period is five.
    expect(report.worst).toBeLessThan(4_500);
    expect(exit).toEqual({ code: 0, signal: null, requested: true });
    expect(master.stderr).toMatch(
      new RegExp(
        `worker 0 \\(pid ${pid}, generation 0\\) is recycled: it asked to retire: uncaught exception: boom\\n`,
      ),
    );
    // Spawn first.
    const successor = master.events('serve')[1];
    const draining = master.events('draining').find((event) => event['pid'] === pid);
    expect(draining?.at).toBeGreaterThan(successor?.at ?? Number.POSITIVE_INFINITY);
    expect(await master.call('status')).toMatchObject({ recoveries: 0, generation: 0 });
    expect(master.events('onChildRecover')).toEqual([]);
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
);

testOn('signals')('N11b a wish to retire waits for readiness, and said again it adds nothing', async () => {
  const inServe = flag();
  const { master, pid, port } = await started({ inServe, options: { workers: 1 } });
  const successor = await master.event('serve', { nth: 2 });
  // onMasterReady got the pid of the worker that was there, not of its successor.
  expect(pid).toBe(master.events('serve')[0]?.['pid']);
  await master.event('onChildExit', { where: (event) => event['pid'] === pid });
  expect(master.stderr.match(/is recycled: it asked to retire: in serve\n/g)).toHaveLength(1);
  expect(master.stderr).not.toContain('in serve again');

  await httpGet({ port, path: '/retire' });
  await master.event('onChildExit', { where: (event) => event['pid'] === successor['pid'] });
  await httpGet({ port, path: '/misuse' });
  expect(await master.event('refused')).toMatchObject({ name: 'TypeError' });
  // One line, whatever is in the reason.
  expect(master.stderr.match(/is recycled: it asked to retire: asked thrice\n/g)).toHaveLength(1);
  // Three processes, and no fourth: neither for the second wish, nor for the one that came during the drain.
  expect(master.events('onChildSpawn')).toHaveLength(3);
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  expect(master.events('onChildSpawn')).toHaveLength(3);
  expect(master.stderr).not.toContain('too late');
});

testOn('signals')('N11c a worker whose successor does not boot stays, serves, and counts for nothing', async () => {
  const unbootable = flag();
  const { master, pid, port } = await started({ unbootable, options: { workers: 2 } });
  writeFileSync(unbootable, '');
  await httpGet({ port, path: '/retire' });
  await master.logged(/goes on: its successor failed, the next one is tried in 30000 ms: .*does not boot/);
  for (let i = 0; i < 20; i++) expect((await httpGet({ port })).status).toBe(200);
  const { workers, recoveries } = await master.call('status');
  expect(workers.map(({ state }: { state: string }) => state)).toEqual(['ready', 'ready']);
  expect(workers[0].pid).toBe(pid);
  expect(recoveries).toBe(0);
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
});

testOn('signals')(
  'N11d a worker that sends SIGTERM to itself is not said to be stopped by another process',
  async () => {
    const { master, port } = await started({ options: { workers: 1 } });
    await httpGet({ port, path: '/term' });
    await master.event('onChildRecover');
    expect(master.stderr).toMatch(/worker 0 .* got SIGTERM, from itself or another process, and drains/);
    expect(master.stderr).toMatch(
      /worker 0 .* exited with code 0 after \d+ ms \(sent by the worker itself or by another process.*worker\.retire\(\)/,
    );
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
);
