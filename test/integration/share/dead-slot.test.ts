import { expect, test } from 'vitest';
import { eventually, processInfo, sendSignal, startMaster, startReadyFleet } from '../../helpers/index.js';

test('L3 sharded: no client waits for the respawn of a worker that was killed', async () => {
  const { master, port, pids } = await startReadyFleet({
    options: { sharing: 'sharded', workers: 4, recoverInterval: 60_000 },
  });
  const client = startMaster('burst', { args: [JSON.stringify({ port })] });
  await client.event('client');
  const [killed] = pids as [number];
  // Stopped first: the connections that it accepts would end with it.
  sendSignal(killed, 'SIGSTOP');
  await eventually(() => processInfo(killed)?.state === 'T', { what: 'the worker is stopped' });
  const answers = client.call('burst', 200);
  sendSignal(killed, 'SIGKILL');
  for (const { pid } of await answers) expect(pids.slice(1)).toContain(pid);
  // New ones do not even meet the dead slot.
  for (const { pid } of await client.call('burst', 200)) expect(pids.slice(1)).toContain(pid);
  expect(master.events('onChildExit')).toHaveLength(1);
  expect(master.events('onChildSpawn')).toHaveLength(4);
});
