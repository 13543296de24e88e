import { expect, test } from 'vitest';
import { httpGet, isAlive, type Master, sendSignal, startMaster, testOn } from '../../helpers/index.js';

function start(what: object): Master {
  return startMaster('in-hooks', { args: [JSON.stringify(what)] });
}

async function endsWell(master: Master): Promise<void> {
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
}

test('N10p workers that are lost while onMasterReady runs, or hangs, are recovered at once; the other hooks wait for it', async () => {
  const master = start({ hook: 'onMasterReady', how: 'never settle' });
  const { pids, addresses } = await master.event('onMasterReady');
  for (const pid of pids) sendSignal(pid, 'SIGKILL');
  const served = Number((await httpGet({ port: addresses[0].port })).body);
  expect(pids).not.toContain(served);
  await master.event('on spawn', { nth: 4 });
  expect(master.events('onChildSpawn')).toHaveLength(2);
  expect(master.events('on ready')).toEqual([]);
  expect((await master.call('status')).state).toBe('starting');
  await endsWell(master);
});

test('N10p the master reports what happens while onMasterReady runs to the hooks after it, in its order', async () => {
  const master = startMaster('fleet', { args: [JSON.stringify({ hooks: { onMasterReady: 'wait:1500' } })] });
  const { pids, addresses } = await master.event('onMasterReady');
  sendSignal(pids[1], 'SIGKILL');
  const { newPid, oldPid } = await master.event('onChildRecover');
  expect(oldPid).toBe(pids[1]);
  expect(isAlive(newPid)).toBe(true);
  const reported = master.events().map(({ event }) => event);
  const order = ['onMasterReady', 'on spawn', 'onChildSpawn', 'onChildRecover'].map((name) =>
    reported.lastIndexOf(name),
  );
  expect(order).toEqual([...order].sort((a, b) => a - b));
  expect((await httpGet({ port: addresses[0].port })).status).toBe(200);
  await endsWell(master);
});

/** Makes every hook of the fleet run, in the end. */
async function provoke(master: Master, hook: string): Promise<void> {
  if (hook === 'onChildSpawn') return;
  const { pids } = await master.event('onMasterReady');
  if (hook === 'onChildRecover') sendSignal(pids[0], 'SIGKILL');
}

const refused = [
  { hook: 'onMasterReady', operation: 'reload', how: 'await' },
  { hook: 'onMasterReady', operation: 'scale', how: 'late' },
  { hook: 'onMasterReady', operation: 'start', how: 'late' },
  { hook: 'onChildSpawn', operation: 'reload', how: 'late' },
  { hook: 'onChildSpawn', operation: 'scale', how: 'await' },
  { hook: 'onChildSpawn', operation: 'start', how: 'await' },
  { hook: 'onChildRecover', operation: 'reload', how: 'late' },
  { hook: 'onChildRecover', operation: 'scale', how: 'late' },
];

test.each(refused)('N10q $operation() awaited in $hook throws at once ($how), and the fleet goes on', async (what) => {
  const master = start(what);
  await provoke(master, what.hook);
  const { error, after } = await master.event('refused');
  expect(error).toMatchObject({ name: 'PreforkError', code: 'ERR_PREFORK_IN_HOOK' });
  expect(error.message).toMatch(`${what.operation}() inside ${what.hook} would wait for hooks that wait for this one`);
  expect(after).toBeLessThan(5_000);
  await master.event('on ready');
  // The same call from elsewhere is no error.
  expect(await master.call('reload')).toMatchObject({ ok: true });
  expect(await master.call('scale', 3)).toBeUndefined();
  await endsWell(master);
});

test('N10q a hook that lets the refusal pass ends the fleet as whatever else it throws', async () => {
  const master = start({ hook: 'onMasterReady', operation: 'scale', how: 'throw' });
  const { error } = await master.event('settled', { where: ({ child }) => child === false });
  expect(error).toMatchObject({ code: 'ERR_PREFORK_HOOK', cause: { code: 'ERR_PREFORK_IN_HOOK' } });
  expect(await master.gone()).toEqual({ code: 1, signal: null });
});

test.each(['onMasterReady', 'onChildRecover'])(
  'N10r the fleet does an operation that %s asks for, without waiting for it, when the hook is over',
  async (hook) => {
    const master = start({ hook, operation: 'reload', how: 'forget' });
    await provoke(master, hook);
    const { args } = await master.event('on reload');
    expect(args[0]).toMatchObject({ ok: true, generation: 1 });
    await master.event('done');
    await endsWell(master);
  },
);

testOn('signals')(
  'N10r an operation that the program asks for outside of hooks while a hook runs waits for its turn',
  async () => {
    const master = startMaster('fleet', {
      args: [JSON.stringify({ hooks: { onMasterReady: 'wait:800' }, options: { readyFor: 0 } })],
    });
    await master.event('onMasterReady');
    master.kill('SIGHUP');
    const scaled = master.call('scale', 3);
    expect((await master.event('on reload')).args[0]).toMatchObject({ ok: true, generation: 1 });
    await scaled;
    expect(master.stderr).not.toContain('inside onMasterReady');
    await endsWell(master);
  },
);

test.each(['onChildSpawn', 'onMasterReady', 'onChildRecover'])(
  'N10s stop() awaited in %s stops the fleet',
  async (hook) => {
    const master = start({ hook, operation: 'stop', how: 'late' });
    await provoke(master, hook);
    await master.event('done');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
);
