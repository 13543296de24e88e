import { expect, test } from 'vitest';
import { eventually, httpGet, sendSignal, startReadyFleet, untilReaped } from '../../helpers/index.js';
import { eachSharing, LOSSLESS } from '../../helpers/sharing.js';

eachSharing(['shared', 'reuseport'] as const)(
  'W12 port 0 is one port for all workers, and the same after every one of them was recovered (%s)',
  async (sharing) => {
    const { master, pids, port } = await startReadyFleet({ options: { workers: 3, sharing, recoverInterval: 0 } });
    expect(port).toBeGreaterThan(0);
    for (const [index, pid] of pids.entries()) {
      sendSignal(pid, 'SIGKILL');
      await master.event('onChildRecover', { nth: index + 1 });
    }
    expect(new Set(master.events('serve').map(({ listener }) => listener.port))).toEqual(new Set([port]));
    expect((await master.call('addresses'))[0].port).toBe(port);
    const { pid } = (await httpGet({ port })).json();
    expect(pids).not.toContain(pid);
    expect(master.workers()).toContain(pid);
  },
);

eachSharing(LOSSLESS)('W12 port 0 is the same port after a reload (%s)', async (sharing) => {
  const { master, pids, port } = await startReadyFleet({ options: { workers: 2, sharing } });
  for (let generation = 1; generation <= 2; generation++) {
    expect(await master.call('reload')).toMatchObject({ ok: true, generation });
  }
  expect(new Set(master.events('serve').map(({ listener }) => listener.port))).toEqual(new Set([port]));
  expect((await master.call('addresses'))[0].port).toBe(port);
  for (const pid of pids) await untilReaped(pid);
  // A worker that was replaced a moment ago may still accept.
  await eventually(async () => (await httpGet({ port })).json().generation === 2);
});

test('W12 two listeners with port 0 have two ports, each kept', async () => {
  const { master, pids, addresses } = await startReadyFleet({
    serve: 'ready-made http',
    options: { workers: 1, listen: ['127.0.0.1:0', '127.0.0.1:0'] },
  });
  const ports = addresses.map(({ port }) => port as number);
  expect(new Set(ports).size).toBe(2);
  sendSignal(pids[0] as number, 'SIGKILL');
  await master.event('onChildRecover');
  for (const port of ports) expect((await httpGet({ port })).status).toBe(200);
});
