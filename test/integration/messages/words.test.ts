import { expect, test } from 'vitest';
import { httpGet, type Master, sendSignal, startMaster } from '../../helpers/index.js';

const THINGS = [
  'no prototype',
  'toString throws',
  'a proxy',
  'a symbol',
  'an error with getters',
  'nothing',
  'a long one',
];
/** Those that are looked at in other places, too. */
const WORST = ['toString throws', 'a proxy', 'an error with getters'];

function start(where: string, how: string): Master {
  return startMaster('throws-anything', { args: [JSON.stringify({ where, how })] });
}

async function stops(master: Master): Promise<void> {
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
}

test.each([...THINGS.map((how) => ['onChildSpawn', how] as const), ['onMasterReady', 'a proxy'] as const])(
  'N10g a fleet whose %s throws %s ends with ERR_PREFORK_HOOK, in short words',
  async (hook, how) => {
    const master = start(hook, how);
    const settled = await master.event('settled', { where: ({ from }) => from === master.pid });
    expect(settled).toMatchObject({ ok: false, code: 'ERR_PREFORK_HOOK' });
    expect(settled['length']).toBeLessThan(10_000);
    expect(settled['longest']).toBeLessThan(10_000);
    expect(await master.gone()).toEqual({ code: 1, signal: null });
  },
);

test.each(THINGS)('N10g onChildExit and a listener that throw %s are logged, and the fleet goes on', async (how) => {
  for (const where of ['onChildExit', 'listener']) {
    const master = start(where, how);
    const { pids } = await master.event('onMasterReady');
    sendSignal(pids[0], 'SIGKILL');
    await master.event('onChildRecover');
    expect(await master.call('longest')).toBeLessThan(10_000);
    await stops(master);
  }
});

test.each(WORST)('N10g a worker whose boot throws %s is a boot failure like any other', async (how) => {
  const master = start('boot', how);
  const settled = await master.event('settled', { where: ({ from }) => from === master.pid });
  expect(settled).toMatchObject({ ok: false, code: 'ERR_PREFORK_BOOT_FAILED' });
  expect(settled['length']).toBeLessThan(20_000);
  expect(await master.gone()).toEqual({ code: 1, signal: null });
});

test.each(WORST)('N10g a commandProducer that throws %s is ERR_PREFORK_COMMAND_PRODUCER', async (how) => {
  const master = start('commandProducer', how);
  expect(await master.event('settled', { where: ({ from }) => from === master.pid })).toMatchObject({
    ok: false,
    code: 'ERR_PREFORK_COMMAND_PRODUCER',
  });
  expect(await master.gone()).toEqual({ code: 1, signal: null });
});

test.each(['rejects', 'throws', 'asks the fleet'])(
  'N10h a logger that %s hurts neither the master nor the workers',
  async (how) => {
    const master = start('logger', how);
    const { pids, addresses } = await master.event('onMasterReady');
    sendSignal(pids[0], 'SIGKILL');
    await master.event('onChildRecover');
    expect((await httpGet({ port: addresses[0].port })).body).toBe('served');
    await stops(master);
    expect(master.stderr).toBe('');
  },
);

test('N10h a logger that stops the fleet with its first line stops it', async () => {
  const master = start('logger', 'stops the fleet');
  await master.event('settled', { where: ({ from }) => from === master.pid });
  expect((await master.gone()).signal).toBeNull();
  await master.expectNoWorkers();
});
