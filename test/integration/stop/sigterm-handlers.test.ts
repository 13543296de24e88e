import { expect } from 'vitest';
import { httpGet, type Master, patience, startMaster, testOn } from '../../helpers/index.js';

const HINT = 'the program has handlers for SIGTERM, which no drain calls';

function start(way: string, options: object = {}): Master {
  return startMaster('handles-sigterm', { args: [way, JSON.stringify(options)] });
}

function hints(master: Master): number {
  return master.stderr.split(HINT).length - 1;
}

const here = testOn('signals');

here(
  'F16j handlers for SIGTERM that no drain calls are named once for a fleet, and what they leave open a second after the last connection',
  async () => {
    // At the deadline the line would be too late for this test.
    const master = start('handler', { drainTimeout: patience(600_000), shutdownGracePeriod: patience(10_000) });
    const { pids, addresses } = await master.event('onMasterReady');
    expect(await master.logged(HINT)).toMatch(
      /prefork\[0\] master \d+: .* worker\.signal aborts, or behind prefork\(\)$/,
    );
    expect((await httpGet({ port: addresses[0].port })).status).toBe(200);
    expect(await master.call('reload')).toMatchObject({ ok: true });
    for (const pid of pids) {
      await master.logged(
        new RegExp(`pid ${pid}, generation 0\\): drained 1000 ms ago, .* kept alive by 1 TCPServerWrap`),
      );
    }
    expect(master.events('exit')).toEqual([]);
    expect(master.events('shut down')).toEqual([]);
    expect(hints(master)).toBe(1);
    master.killGroup('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
);

for (const [way, why] of [
  ['signal', 'worker.signal'],
  ['behind', 'behind prefork()'],
] as const) {
  here(
    `F16k what cleans up on SIGTERM runs at every drain when ${why} calls it, and the worker leaves at once`,
    async () => {
      const master = start(way);
      const { pids } = await master.event('onMasterReady');
      expect(await master.call('reload')).toMatchObject({ ok: true });
      for (let nth = 1; nth <= pids.length; nth++) await master.event('exit', { nth, within: patience(5_000) });
      expect(master.events('shut down').map((event) => event['why'])).toEqual(pids.map(() => why));
      expect(master.stderr).not.toContain('drained 1000 ms ago');
      // Code behind prefork() cannot be seen.
      expect(hints(master)).toBe(way === 'signal' ? 0 : 1);
      master.kill('SIGTERM');
      expect(await master.gone()).toEqual({ code: 0, signal: null });
    },
  );
}

here('F16j a fleet whose program handles no SIGTERM gets no hint', async () => {
  const master = start('none');
  await master.event('onMasterReady');
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  expect(hints(master)).toBe(0);
});
