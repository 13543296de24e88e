import { expect } from 'vitest';
import {
  connectRaw,
  eventually,
  httpGet,
  type Master,
  sendSignal,
  startReadyFleet,
  testOn,
} from '../../helpers/index.js';
import { expectNothingLost, startLoad } from '../../helpers/load.js';

const test = testOn('signals');

async function ends(master: Master): Promise<void> {
  expect(await master.gone()).toEqual({ code: 0, signal: null });
}

/** Where the test or the master gets no CPU for a moment, the delay is over, or a signal is an echo, before the test has looked. */
const LATE = { retry: 2 };

for (const [how, stop] of [
  ['SIGTERM', (master: Master) => void master.kill('SIGTERM')],
  ['stop()', (master: Master) => void master.call('stop').catch(() => {})],
] as const) {
  test(
    `S4a after ${how} the fleet serves new clients for drainDelay, then it drains`,
    async () => {
      const { master, port } = await startReadyFleet({ options: { workers: 2, drainDelay: 5_000 } });
      await master.event('on ready');
      const load = startLoad({ port, mode: 'per-request', concurrency: 4 });
      await load.answered(20);
      const asked = performance.now();
      stop(master);
      await master.logged('serving on for 5000 ms');
      await load.answered(50);
      expect((await master.call('status')).state).toBe('stopping');
      expect(master.events('draining')).toEqual([]);
      expectNothingLost(await load.stop());
      await ends(master);
      expect(performance.now() - asked).toBeGreaterThan(4_900);
      await expect(connectRaw({ port })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    },
    LATE,
  );
}

test(
  'S4b a second SIGTERM ends the delay and drains, a third one stops at once',
  async () => {
    const { master, port } = await startReadyFleet({
      options: { workers: 1, drainDelay: 60_000, shutdownGracePeriod: 60_000 },
    });
    await master.event('on ready');
    const hanging = httpGet({ port, path: '/hang', within: 60_000 }).catch(({ code }) => code);
    await master.event('request');
    master.kill('SIGTERM');
    // The echo of the first: what npm and timeout(1) send within 200 ms.
    master.kill('SIGINT');
    await master.logged('serving on for 60000 ms');
    await expect(eventually(() => master.events('draining').length > 0, { within: 400 })).rejects.toThrow('Not within');
    master.kill('SIGTERM');
    await master.event('draining');
    expect(master.stderr).toContain('SIGTERM: stopping now; a third signal stops at once');
    await expect(eventually(() => master.events('onChildExit').length > 0, { within: 400 })).rejects.toThrow(
      'Not within',
    );
    master.kill('SIGTERM');
    await ends(master);
    expect(await hanging).toBe('ECONNRESET');
  },
  LATE,
);

test('S4b stop({ gracePeriod: 0 }) waits for no delay', async () => {
  const { master } = await startReadyFleet({ options: { workers: 1, drainDelay: 60_000 } });
  await master.event('on ready');
  master.kill('SIGTERM');
  await master.logged('serving on for 60000 ms');
  await master.call('stop', { gracePeriod: 0 });
  await ends(master);
});

test('S4c in the delay a worker that is killed is recovered, and reload() and scale() are refused', async () => {
  const { master, pids, port } = await startReadyFleet({
    options: { workers: 1, drainDelay: 60_000, recoverInterval: 0 },
  });
  await master.event('on ready');
  master.kill('SIGTERM');
  await master.logged('serving on for 60000 ms');
  await expect(master.call('reload')).rejects.toMatchObject({ code: 'ABORT_ERR' });
  await expect(master.call('scale', 2)).rejects.toMatchObject({ code: 'ABORT_ERR' });
  sendSignal(pids[0] as number, 'SIGKILL');
  const { newPid } = await master.event('onChildRecover');
  expect((await httpGet({ port })).json().pid).toBe(newPid);
  await master.call('stop', { gracePeriod: 0 });
  await ends(master);
});

test('S4c a fleet that has not started yet, or that gives up, is not delayed', async () => {
  const starting = await startReadyFleet({ options: { workers: 1, drainDelay: 60_000, recoverThreshold: 0 } });
  await starting.master.event('on ready');
  sendSignal(starting.pids[0] as number, 'SIGKILL');
  expect(await starting.master.gone()).toEqual({ code: 1, signal: null });
});
