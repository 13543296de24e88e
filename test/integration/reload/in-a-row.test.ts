import { expect, test } from 'vitest';
import { makeDeployment } from '../../helpers/deployment.js';
import { patience, startReadyFleet } from '../../helpers/index.js';
import { expectNothingLost, startLoad } from '../../helpers/load.js';
import { eachSharing, LOSSLESS } from '../../helpers/sharing.js';
import { overAndClean, startWatched } from '../../helpers/whole-run.js';

eachSharing(LOSSLESS)(
  'L8 two reloads that are asked for during a reload become one that starts after it (%s)',
  async (sharing) => {
    const deployment = makeDeployment();
    const { master, port } = await deployment.start({ sharing });
    const load = startLoad({ port, mode: 'keep-alive', concurrency: 4 });
    await load.answered(20);

    const release = deployment.writeHeld('1', 'export const version = 1;');
    const first = master.call('reload');
    // Its first worker has read the old code: a caller that asks now wants that of now.
    await master.logged('held back');
    await load.answered(20);
    deployment.write('1', 'export const version = 2;');
    const [second, third] = [master.call('reload'), master.call('reload')];
    await master.call('status');
    release();
    const results = await Promise.all([first, second, third]);

    expect(results.map(({ ok, generation }) => [ok, generation])).toEqual([
      [true, 1],
      [true, 2],
      [true, 2],
    ]);
    expect(results[2]).toEqual(results[1]);
    expect(results[1].replaced.map(({ oldPid }: { oldPid: number }) => oldPid)).toEqual(
      results[0].replaced.map(({ newPid }: { newPid: number }) => newPid),
    );
    expect(master.events('on reload')).toHaveLength(2);
    expect(await master.call('status')).toMatchObject({ state: 'running', generation: 2 });
    expectNothingLost(await load.stop());
    const last = master.events('serve').slice(-2);
    expect(last.map(({ version }) => version)).toEqual([2, 2]);
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
);

test('L8 SIGHUPs that come during a reload become one that follows it', async () => {
  const deployment = makeDeployment();
  const { master } = await deployment.start();
  const release = deployment.writeHeld('1', 'export const version = 1;');
  master.kill('SIGHUP');
  await master.logged('held back');
  for (let i = 0; i < 5; i++) {
    master.kill('SIGHUP');
    // The master handles it before the next is sent: the kernel makes one of two that are pending (signal(7)).
    await master.call('status');
  }
  release();
  await master.event('on reload', { where: ({ result }) => result.generation === 2, within: 60_000 });
  expect(await master.call('scale', 2)).toBeUndefined(); // its turn comes after every reload that was asked for
  expect(master.events('on reload').map(({ result }) => result.generation)).toEqual([1, 2]);
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
});

eachSharing(LOSSLESS)(
  'L8 a stop during a reload wins: every reload settles, and nothing is left (%s)',
  async (sharing) => {
    const deployment = makeDeployment();
    const { master } = await deployment.start({ sharing });
    // The new worker will never be ready.
    deployment.write('1', 'await new Promise((resolve) => setTimeout(resolve, 600_000));');
    const reloads = [master.call('reload'), master.call('reload')];
    await master.event('on spawn', { nth: 3 });
    const begun = performance.now();
    const stopped = master.call('stop');
    for (const result of await Promise.all(reloads)) {
      expect(result).toMatchObject({ ok: false, generation: 0, replaced: [], error: { code: 'ABORT_ERR' } });
    }
    await stopped;
    expect(await master.gone()).toEqual({ code: 0, signal: null });
    // Not the 30 s that the new worker had to become ready.
    expect(performance.now() - begun).toBeLessThan(15_000);
  },
);

test.each(['SIGTERM', 'SIGINT'] as const)(
  'L8 %s at any moment of a reload ends the fleet cleanly',
  async (signal) => {
    for (const moment of ['asked', 'spawned', 'handed over', 'done'] as const) {
      const master = startWatched({ options: { workers: 2 } });
      const { pids } = await master.event('onMasterReady');
      master.kill('SIGHUP');
      if (moment === 'spawned') await master.event('on spawn', { nth: 3 });
      if (moment === 'handed over') await master.event('draining', { where: ({ pid }) => pids.includes(pid) });
      if (moment === 'done') await master.event('on reload', { within: 60_000 });
      master.kill(signal);
      const { settled, exit } = await overAndClean(master);
      expect(settled, moment).toMatchObject({ ok: true });
      expect(exit, moment).toEqual({ code: 0, signal: null });
    }
  },
  patience(120_000),
);

test('L8 reload() of a fleet that stops, or has stopped, is refused', async () => {
  const { master } = await startReadyFleet({ options: { workers: 1 } });
  expect(await master.call('reloadInVain')).toEqual(['ABORT_ERR', 'ABORT_ERR']);
});
