import { expect } from 'vitest';
import type { FleetReading } from '../../../lib/types.js';
import { readyPort, startHosted } from '../../helpers/command.js';
import {
  eventually,
  httpGet,
  inPackage,
  isRoot,
  type Master,
  startMaster,
  startReadyFleet,
  testOn,
  testWhen,
} from '../../helpers/index.js';

const read = (master: Master): Promise<FleetReading> => master.call('metrics');

testOn('descriptors')(
  'M6 a program that the command runs counts as any other, and so does the next generation',
  async () => {
    const master = startHosted(
      {},
      { env: { NODE_OPTIONS: `--require ${inPackage('test/fixtures/commands-the-command.cjs')}` } },
    );
    const port = await readyPort(master);
    for (let i = 0; i < 5; i++) await httpGet({ port });
    expect(await read(master)).toMatchObject({
      workers: [{ counted: true }, { counted: true }],
      totals: { accepted: 5, requests: 5, starts: 2 },
    });
    expect(await master.call('reload')).toMatchObject({ ok: true });
    for (let i = 0; i < 5; i++) await httpGet({ port });
    expect((await read(master)).totals).toMatchObject({ accepted: 10, requests: 10, starts: 4, reloads: { ok: 1 } });
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
);

testWhen(
  isRoot,
  'needs root',
  'uids',
)('M7 a worker of another user counts in the same memory', async () => {
  const { master, port } = await startReadyFleet({ options: { workers: 1, uid: 65_534, gid: 65_534 } });
  await httpGet({ port });
  expect(await read(master)).toMatchObject({ workers: [{ counted: true }], totals: { requests: 1 } });
  expect(master.stderr).not.toContain('cannot share memory');
  master.kill('SIGTERM');
  await master.gone();
});

testOn('descriptors')(
  'M7 a worker of a commandProducer that passes its stdio on counts in the memory, without a word',
  async () => {
    const master = startMaster('produces-commands', { args: [JSON.stringify({ options: { workers: 1 } })] });
    const { addresses } = await master.event('onMasterReady');
    await httpGet({ port: addresses[0].port });
    expect(await read(master)).toMatchObject({
      workers: [{ counted: true, acceptedTotal: 1 }],
      totals: { requests: 1 },
    });
    expect(master.stderr).not.toContain('counts once a second');
    master.kill('SIGTERM');
    await master.gone();
  },
);

testOn('descriptors')(
  'M8 a program that speaks no control channel counts nothing; the master knows what it takes',
  async () => {
    const { master } = await startReadyFleet({
      options: { workers: 1, readiness: 'spawn', exec: 'sleep', args: ['60'] },
    });
    const reading = await eventually(async () => {
      const now = await read(master);
      return (now.workers[0]?.rss ?? 0) > 100_000 && now;
    });
    expect(reading.workers).toMatchObject([{ counted: false, requestsTotal: 0, loopDelayMax: 0, state: 'ready' }]);
    master.kill('SIGTERM');
    await master.gone();
  },
);

testOn('descriptors')(
  'M7 a worker that a commandProducer keeps the memory from says so, and reports what it counts',
  async () => {
    const config = { how: 'without memory to count in', options: { workers: 1 } };
    const master = startMaster('workers-by-producer', { args: [JSON.stringify(config)] });
    const { addresses } = await master.event('onMasterReady');
    await master.logged(/worker 0 .* reports what it counts once a second, because it cannot share memory .*mmap/);
    await httpGet({ port: addresses[0].port });
    await eventually(async () => (await read(master)).totals.requests === 1);
    expect(await read(master)).toMatchObject({ workers: [{ counted: true, acceptedTotal: 1 }] });
    master.kill('SIGTERM');
    await master.gone();
  },
);
