import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
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

const test = testOn('sharding');

function client(port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  return socket;
}

/** Of connections over loopback: by then the kernel has let them in, or has not. */
async function roundTrip(): Promise<void> {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  await once(client((other.address() as { port: number }).port), 'connect');
  other.close();
}

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
  const newcomers = Array.from({ length: 8 }, () => client(port));
  const refused = newcomers.map((newcomer) =>
    once(newcomer, 'connect').then(
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
