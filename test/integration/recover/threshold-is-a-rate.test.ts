import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { httpGet, KILLED, type Master, sendSignal, startReadyFleet } from '../../helpers/index.js';

/** Ends a worker and waits until its slot is filled again. */
async function killOne(master: Master, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  const recovered = master.next('onChildRecover');
  sendSignal(master.workers()[0] as number, signal);
  await recovered;
}

test('W6 exits older than recoverWindow do not count: more exits than the threshold, far enough apart, are all recovered', async () => {
  const window = 500;
  const { master, port } = await startReadyFleet({
    options: { workers: 1, recoverThreshold: 1, recoverWindow: window, recoverInterval: 0 },
  });
  for (let exit = 0; exit < 4; exit++) {
    await killOne(master);
    await delay(window); // the passing of the window is the subject of the test
  }
  expect((await httpGet({ port })).status).toBe(200);
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
});

test('W6 the same exits inside one window are too many', async () => {
  const { master } = await startReadyFleet({
    options: { workers: 1, recoverThreshold: 1, recoverWindow: 60_000, recoverInterval: 0 },
  });
  await killOne(master);
  sendSignal(master.workers()[0] as number, 'SIGKILL');
  expect(await master.gone()).toEqual({ code: 1, signal: null });
  const { error } = await master.event('settled', { where: (event) => !event['child'] });
  expect(error).toMatchObject({ code: 'ERR_PREFORK_OVER_RECOVERY' });
  expect(error.exits).toMatchObject([KILLED, KILLED]);
});

test('W6 recoverWindow: Infinity counts over the lifetime of the master', async () => {
  const { master } = await startReadyFleet({
    options: { workers: 1, recoverThreshold: 2, recoverWindow: Number.POSITIVE_INFINITY, recoverInterval: 0 },
  });
  await killOne(master);
  await killOne(master);
  sendSignal(master.workers()[0] as number, 'SIGKILL');
  const { error } = await master.event('settled', { where: (event) => !event['child'] });
  expect(error).toMatchObject({ code: 'ERR_PREFORK_OVER_RECOVERY' });
  expect(error.exits).toHaveLength(3);
  await master.gone();
});

test('W6 exits that the master asked for do not count, even with a threshold of 0', async () => {
  const { master } = await startReadyFleet({ options: { workers: 4, recoverThreshold: 0 } });
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  expect(master.events('onChildExit').map(({ exit }) => exit.requested)).toEqual([true, true, true, true]);
});

test('W6 a threshold of Infinity never gives up', async () => {
  const { master, port } = await startReadyFleet({
    options: { workers: 1, recoverThreshold: Number.POSITIVE_INFINITY, recoverInterval: 0 },
  });
  for (let exit = 0; exit < 8; exit++) await killOne(master);
  expect((await httpGet({ port })).status).toBe(200);
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
});
