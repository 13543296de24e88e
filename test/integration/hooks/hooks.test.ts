import { expect, test } from 'vitest';
import { type FleetConfig, isAlive, isZombie, sendSignal, startMaster } from '../../helpers/index.js';
import { overAndClean, runToEnd, spawned, startWatched } from '../../helpers/whole-run.js';

test('C9 onChildSpawn that throws for the first worker rejects with it; every spawned worker is stopped and reaped', async () => {
  const { master, settled, exit } = await runToEnd({
    hooks: { onChildSpawn: { does: 'throw', at: 1 } },
    options: { workers: 3 },
  });
  expect(settled['error']).toMatchObject({
    name: 'PreforkError',
    code: 'ERR_PREFORK_HOOK',
    cause: { message: 'thrown by onChildSpawn', code: 'E_FIXTURE' },
  });
  expect(exit).toEqual({ code: 1, signal: null });
  const exits = master.events('on exit');
  expect(new Set(exits.map(({ args }) => args[0].pid))).toEqual(new Set(spawned(master)));
  for (const { at, args } of exits) {
    expect(args[1].requested).toBe(true);
    expect(at).toBeLessThanOrEqual(settled.at);
  }
  expect(master.events('onMasterReady')).toEqual([]);
});

test('C10 onMasterReady that throws rejects with it; every worker is stopped and reaped', async () => {
  const { master, settled, exit } = await runToEnd({ hooks: { onMasterReady: 'throw' } });
  expect(settled['error']).toMatchObject({
    name: 'PreforkError',
    code: 'ERR_PREFORK_HOOK',
    cause: { message: 'thrown by onMasterReady', code: 'E_FIXTURE' },
  });
  expect(exit).toEqual({ code: 1, signal: null });
  expect(master.events('on exit')).toHaveLength(2);
  expect(master.events('on ready')).toEqual([]);
});

test('C13 neither a delay nor a grace period of 10 s stands between a failing hook and the end of the fleet', async () => {
  const { master, settled } = await runToEnd({
    hooks: { onMasterReady: 'throw' },
    options: { recoverInterval: 10_000, shutdownGracePeriod: 10_000 },
  });
  expect(settled['error']).toMatchObject({ code: 'ERR_PREFORK_HOOK' });
  const [ready] = master.events('onMasterReady');
  expect(settled.at - (ready?.at as number)).toBeLessThan(8_000);
});

test('C13 a fleet that waits 10 s to fill a slot again stops at once', async () => {
  const master = startWatched({ options: { recoverInterval: 10_000, shutdownGracePeriod: 10_000 } });
  const { pids } = await master.event('onMasterReady');
  sendSignal(pids[0], 'SIGKILL');
  await master.logged('slot 0 is filled again in 10000 ms');
  master.kill('SIGTERM');
  const { settled, exit } = await overAndClean(master);
  const [exited] = master.events('onChildExit');
  expect(settled.at - (exited?.at as number)).toBeLessThan(8_000);
  expect(spawned(master)).toHaveLength(2);
  expect(exit).toEqual({ code: 0, signal: null });
});

type FatalHook = 'onChildSpawn' | 'onMasterReady' | 'onChildRecover';
const ways: readonly [string, object][] = [
  ['throw', { message: expect.stringContaining('thrown by') }],
  ['reject', { message: expect.stringContaining('rejected by') }],
  ['throw a string', { thrown: expect.stringContaining('a string thrown by') }],
  ['throw undefined', { thrown: 'undefined' }],
];
const hooks: readonly FatalHook[] = ['onChildSpawn', 'onMasterReady', 'onChildRecover'];

test.each(hooks.flatMap((hook) => ways.map(([way, cause]) => [hook, way, cause] as const)))(
  'C19 %s whose way is to %s is a rejection, never a crash of the master',
  async (hook, way, cause) => {
    const master = startWatched({ hooks: { [hook]: way } });
    if (hook === 'onChildRecover') sendSignal((await master.event('onMasterReady'))['pids'][0], 'SIGKILL');
    const { settled, exit } = await overAndClean(master);
    expect(settled['error']).toMatchObject({
      code: 'ERR_PREFORK_HOOK',
      message: expect.stringContaining(`${hook} failed`),
    });
    if (way === 'throw undefined') expect(settled['error'].message).toContain('undefined');
    else expect(settled['error'].cause).toMatchObject(cause);
    expect(exit).toEqual({ code: 1, signal: null });
  },
);

test.each(ways.map(([way]) => way))('C19 onChildExit whose way is to %s is logged and changes nothing', async (way) => {
  const master = startWatched({ hooks: { onChildExit: way } });
  const { pids } = await master.event('onMasterReady');
  sendSignal(pids[0], 'SIGKILL');
  await master.event('onChildRecover');
  expect(await master.logged('onChildExit failed')).toMatch(/onChildExit failed: /);
  master.kill('SIGTERM');
  const { settled, exit } = await overAndClean(master);
  expect(settled).toMatchObject({ ok: true });
  expect(exit).toEqual({ code: 0, signal: null });
});

test.each(ways.map(([way]) => way))(
  'C19 listeners of every event whose way is to %s are logged and stop nothing',
  async (way) => {
    const master = startMaster('listeners-go-wrong', { args: [way] });
    const { pids } = await master.event('onMasterReady');
    sendSignal(pids[0], 'SIGKILL');
    await master.event('onChildRecover');
    await master.event('on message');
    master.kill('SIGTERM');
    expect(await master.event('settled', { where: ({ child }) => !child })).toMatchObject({ ok: true });
    expect(await master.gone()).toEqual({ code: 0, signal: null });
    for (const name of ['spawn', 'ready', 'exit', 'recover', 'message', 'stop']) {
      expect(master.stderr).toMatch(
        new RegExp(`^prefork\\[0\\] master ${master.pid}: a listener of '${name}' failed: `, 'm'),
      );
    }
  },
);

const quickDeaths: readonly [string, FleetConfig][] = [
  // The worker ends before the master sees it: only the watch that started before the hook hears of the exit.
  ['ends while the hook blocks the event loop', { boot: 'exit:0', hooks: { onChildSpawn: ['block:1500', 'throw'] } }],
  ['ends while the hook waits', { boot: 'kill:SIGKILL', hooks: { onChildSpawn: ['wait:1500', 'throw'] } }],
  ['boots for longer than the hook runs', { boot: 'wait:60000', hooks: { onChildSpawn: ['wait:50', 'throw'] } }],
];

test.each(quickDeaths)('C21 a throwing hook leaves no zombie of a worker that %s', async (_what, config) => {
  const { master, settled } = await runToEnd({ ...config, options: { workers: 2 } });
  expect(['ERR_PREFORK_HOOK', 'ERR_PREFORK_BOOT_FAILED']).toContain(settled['error'].code);
  expect(spawned(master)).not.toEqual([]);
  for (const pid of spawned(master))
    expect({ alive: isAlive(pid), zombie: isZombie(pid) }).toEqual({ alive: false, zombie: false });
});
