import { once } from 'node:events';
import { expect, onTestFinished } from 'vitest';
import type { Way } from '../../helpers/fleet.js';
import {
  eventually,
  type FleetConfig,
  httpGet,
  isAlive,
  patience,
  processInfo,
  sendSignal,
  startReadyFleet,
  testOn,
} from '../../helpers/index.js';
import { newcomer, roundTrip } from '../../helpers/newcomers.js';

const test = testOn('sharding');

async function ends(pid: number): Promise<void> {
  await eventually(() => !isAlive(pid), { what: `process ${pid} ends` });
}

/** A fleet of one, with a second worker that boots, in a slot of its own. */
async function growing(boot: Way, options: FleetConfig = {}) {
  const { master, port, pids } = await startReadyFleet({
    ...options,
    boot: { does: boot, slot: 1 },
    options: { sharing: 'sharded', workers: 1 },
  });
  master.call('scale', 2).catch(() => {});
  const { pid: boots } = await master.event('serve', { nth: 2 });
  onTestFinished(async () => {
    if (isAlive(boots)) sendSignal(boots, 'SIGKILL');
    await ends(boots);
  });
  return { master, port, serves: pids[0] as number, boots };
}

test('L9a a worker that boots in a new slot takes no client along when its master has died: the kernel lets none in there', async () => {
  const { master, port, serves, boots } = await growing('never settle');
  sendSignal(boots, 'SIGSTOP');
  await eventually(() => processInfo(boots)?.state === 'T', { what: 'the new worker is stopped' });
  sendSignal(master.pid, 'SIGKILL');
  // With the socket of its slot: the last one of the address is that of the worker that boots.
  await ends(serves);
  const newcomers = Array.from({ length: 8 }, () => newcomer(port));
  const refused = newcomers.map((socket) =>
    once(socket, 'connect').then(
      () => 'in',
      ({ code }) => code,
    ),
  );
  await roundTrip();
  expect(newcomers.filter(({ connecting }) => !connecting)).toEqual([]);
  sendSignal(boots, 'SIGKILL');
  // They ask again, once a second.
  expect(await Promise.all(refused)).toEqual(newcomers.map(() => 'ECONNREFUSED'));
});

test('L9b with onMasterDeath: false a worker that boots in a new slot serves there, also when its master has died meanwhile', async () => {
  const { master, port, serves } = await growing(`wait:${patience(2_000)}`, { onMasterDeath: false });
  sendSignal(master.pid, 'SIGKILL');
  sendSignal(serves, 'SIGKILL');
  await ends(serves);
  await eventually(async () => (await httpGet({ port }).catch(() => undefined))?.status === 200, {
    what: 'the new worker answers',
  });
});
