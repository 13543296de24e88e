import { expect, test } from 'vitest';
import {
  httpGet,
  isAlive,
  type Master,
  patience,
  sendSignal,
  startFleet,
  startReadyFleet,
} from '../../helpers/index.js';

/** A stop that needs it was held up. */
const LONG = { shutdownGracePeriod: 20_000 };

/** Proves that the master fulfilled and left nothing behind; a test that gets here in time was not held up. */
async function expectCleanStop(master: Master, within = 15_000): Promise<void> {
  expect(await master.gone({ within })).toEqual({ code: 0, signal: null });
  expect(master.members()).toEqual([]);
  expect(master.events('settled').find((event) => !event['child'])).toMatchObject({ ok: true });
}

test('W3 a stop while workers boot settles, although serve never does', async () => {
  const master = startFleet({ boot: 'never settle', options: { workers: 2, ...LONG } });
  await master.event('serve', { nth: 2 });
  master.kill('SIGTERM');
  await expectCleanStop(master);
  expect(master.events('onMasterReady')).toEqual([]);
});

test('W3 a stop before any worker was spawned opens and leaves nothing', async () => {
  const master = startFleet({ options: { listen: 'localhost:0', ...LONG } });
  const stopped = master.call('stop');
  await master.event('program');
  await stopped;
  await expectCleanStop(master);
});

test('W3 start() of a fleet that is stopped meanwhile rejects with ABORT_ERR', async () => {
  const master = startFleet({ boot: 'never settle', api: 'start' });
  await master.event('serve', { nth: 2 });
  await master.call('stop');
  expect(await master.gone()).toEqual({ code: 1, signal: null });
  expect(master.events('settled').find((event) => !event['child'])).toMatchObject({ error: { code: 'ABORT_ERR' } });
});

test('W3 a stop while workers boot with a blocked event loop settles at the end of the grace period', async () => {
  const master = startFleet({ boot: 'block', options: { workers: 2, shutdownGracePeriod: 300 } });
  await master.event('serve', { nth: 2 });
  master.kill('SIGTERM');
  await expectCleanStop(master);
});

test('W3 a stop while a slot waits for its recovery does not wait with it', async () => {
  const { master, pids } = await startReadyFleet({ options: { recoverInterval: 60_000, ...LONG } });
  sendSignal(pids[0] as number, 'SIGKILL');
  await master.logged('filled again in 60000 ms');
  const before = performance.now();
  await master.call('stop');
  expect(performance.now() - before).toBeLessThan(15_000);
  await expectCleanStop(master);
  expect(master.events('onChildSpawn')).toHaveLength(2);
});

test('W3 a stop while a recovered worker boots settles, and the recovery is not reported', async () => {
  const { master, pids } = await startReadyFleet({ hooks: { onChildSpawn: { does: 'never settle', at: 3 } } });
  sendSignal(pids[0] as number, 'SIGKILL');
  await master.event('onChildSpawn', { nth: 3 });
  // The hook keeps a timer: the fleet is over, but its program goes on until the test ends it.
  await master.call('stop');
  await master.expectNoWorkers();
  expect(await master.event('settled', { where: (event) => !event['child'] })).toMatchObject({ ok: true });
  expect(master.events('onChildRecover')).toEqual([]);
});

test.each(['onChildSpawn', 'onMasterReady', 'onChildRecover'] as const)(
  'W3 a stop while %s never settles does settle',
  async (name) => {
    const master = startFleet({ hooks: { [name]: 'never settle' } });
    if (name === 'onChildRecover') {
      const { pids } = await master.event('onMasterReady');
      sendSignal(pids[0], 'SIGKILL');
    }
    await master.event(name);
    await master.call('stop');
    await master.expectNoWorkers();
    expect(await master.event('settled', { where: (event) => !event['child'] })).toMatchObject({ ok: true });
  },
);

test('W3 stopping twice is one stop, and both calls settle', async () => {
  const { master, port } = await startReadyFleet({ options: LONG });
  const slow = httpGet({ port, path: '/slow?ms=300' });
  await master.event('request');
  await Promise.all([master.call('stop'), master.call('stop')]);
  expect((await slow).status).toBe(200);
  await expectCleanStop(master);
  expect(master.stderr.match(/: stopping$/gm)).toHaveLength(1);
});

test('W3 a second stop can only be quicker: it shortens the wait for a request, and never lengthens it', async () => {
  const { master, port } = await startReadyFleet({ options: { workers: 1 } });
  const cut = expect(httpGet({ port, path: '/hang' })).rejects.toThrow(/hang up|ECONNRESET/);
  await master.event('request');
  const before = performance.now();
  const first = master.call('stop', { gracePeriod: 30_000 });
  await master.event('draining');
  await Promise.all([master.call('stop', { gracePeriod: 100 }), master.call('stop', { gracePeriod: 60_000 }), first]);
  expect(performance.now() - before).toBeLessThan(15_000);
  await cut;
  await expectCleanStop(master);
});

test('W3 stop() after the end settles at once', async () => {
  const { master } = await startReadyFleet({ hooks: { onMasterReady: 'never settle' } });
  await master.call('stop');
  await master.call('stop');
  await master.expectNoWorkers();
});

test(
  'W3 stop at every moment of a recovery leaves no process behind, 10 times',
  async () => {
    for (let round = 0; round < 10; round++) {
      const { master, pids } = await startReadyFleet({ options: { workers: 2, ...LONG } });
      const seen = [
        () => master.logged('filled again'),
        () => master.next('onChildSpawn'),
        () => master.event('program', { nth: 4 }),
        () => master.event('serve', { nth: 3 }),
        () => master.event('onChildRecover'),
      ][round % 5] as () => Promise<unknown>;
      const moment = seen();
      sendSignal(pids[0] as number, 'SIGKILL');
      await moment;
      master.kill('SIGTERM');
      await expectCleanStop(master);
      for (const { pid } of master.events('onChildSpawn')) expect(isAlive(pid)).toBe(false);
    }
  },
  patience(120_000),
);
