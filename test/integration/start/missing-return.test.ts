import { expect, test } from 'vitest';
import { eventually, httpGet, type Master, startMaster } from '../../helpers/index.js';
import { eachSharing } from '../../helpers/sharing.js';

const LINE = 'serve returned nothing, although a server listens on 127.0.0.1:';

function start(way: string, options: object = {}): Master {
  return startMaster('serves-its-way', { args: [way, JSON.stringify(options)] });
}

async function stops(master: Master): Promise<void> {
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
}

eachSharing([
  { way: 'without return', sharing: 'shared' },
  { way: 'without return', sharing: 'sharded' },
  { way: 'without return, later', sharing: 'shared' },
] as const)(
  'F16e a serve that forgets to return its server serves at once, and drains as any other: $way ($sharing)',
  async ({ way, ...options }) => {
    const master = start(way, options);
    const { pids, addresses } = await master.event('onMasterReady');
    const port = addresses[0].port as number;
    expect(pids).toContain((await httpGet({ port })).json().pid);
    expect(await master.call('reload')).toMatchObject({ ok: true });
    await eventually(() => master.workers().every((pid) => !pids.includes(pid)), { what: 'the old ones are gone' });
    expect(master.workers()).toContain((await httpGet({ port })).json().pid);
    expect(master.stderr).not.toContain(LINE);
    await stops(master);
  },
);

test('F16f a serve that takes the context and returns nothing is named after a second, long before it is late', async () => {
  const master = start('without return, with the context', { workers: 1 });
  const line = await master.logged(LINE);
  expect(line).toMatch(/prefork\[0\] worker 0 .*: return it, or call worker\.ready\(\)/);
  expect(master.events('onMasterReady')).toEqual([]);
  await stops(master);
  expect(master.stderr.split(LINE)).toHaveLength(2);
});

test('F16f a worker that listens first and calls worker.ready() later is ready then, and no sooner', async () => {
  const master = start('ready later', { workers: 1 });
  await master.event('listens');
  await master.logged(LINE);
  expect(master.events('onMasterReady')).toEqual([]);
  expect(await master.call('broadcast', 'now')).toBe(1);
  await master.event('onMasterReady');
  await stops(master);
});
