import { expect, test } from 'vitest';
import { httpGet, KILLED, type Master, sendSignal, untilReaped } from '../../helpers/index.js';
import { hookCalls, overAndClean, spawned, startWatched } from '../../helpers/whole-run.js';

/** The first event of that name for which it holds. */
function moment(
  master: Master,
  name: string,
  where: (event: { readonly [field: string]: unknown }) => boolean = () => true,
): number {
  const found = master.events(name).find(where);
  if (found === undefined) throw new Error(`no event '${name}'\n${master.transcript()}`);
  return found.at;
}

test('C8 two workers that become ready and exit are one recovery and then too many, with threshold 1', async () => {
  const master = startWatched({ options: { recoverThreshold: 1, readyFor: 0 } });
  const { pids } = await master.event('onMasterReady');
  for (const pid of pids) sendSignal(pid, 'SIGKILL');
  const { settled, exit } = await overAndClean(master);
  expect(exit.code).toBe(1);
  const [first, second] = settled['error'].exits;
  expect(settled['error']).toMatchObject({
    code: 'ERR_PREFORK_OVER_RECOVERY',
    exits: [KILLED, KILLED],
  });

  const hooks = hookCalls(master);
  const all = spawned(master);
  expect(all).toHaveLength(3);
  expect(new Set(all).size).toBe(3);
  // Once, and after exactly as many spawns as there are workers.
  expect(hooks.slice(0, 3).toSorted()).toEqual(
    [...pids.map((pid: number) => `onChildSpawn ${pid}`), `onMasterReady ${pids.join(' ')}`].toSorted(),
  );
  expect(hooks[2]).toMatch(/^onMasterReady/);
  expect(hooks.filter((hook) => hook.startsWith('onMasterReady'))).toHaveLength(1);
  // The exit that was judged first was recovered to its end, although the second one was there before.
  expect(new Set([first.pid, second.pid])).toEqual(new Set(pids));
  expect(hooks.filter((hook) => hook.startsWith('onChildRecover'))).toEqual([`onChildRecover ${first.pid} ${all[2]}`]);
  expect(hooks.indexOf(`onChildSpawn ${all[2]}`)).toBeLessThan(hooks.indexOf(`onChildRecover ${first.pid} ${all[2]}`));
  expect(moment(master, 'onChildRecover')).toBeLessThan(settled.at);
});

test('C8 workers that end by themselves as soon as they are ready end the fleet as well', async () => {
  const master = startWatched({ boot: 'exit later:4000:3', options: { recoverThreshold: 1, readyFor: 0 } });
  const { settled } = await overAndClean(master);
  expect(settled['error']).toMatchObject({ code: 'ERR_PREFORK_OVER_RECOVERY' });
  expect(settled['error'].exits).toHaveLength(2);
  for (const exit of settled['error'].exits) expect(exit).toMatchObject({ code: 3, signal: null });
  const recoveries = master.events('onChildRecover');
  expect(recoveries).toHaveLength(1);
  expect(recoveries[0]?.['oldPid']).not.toBe(recoveries[0]?.['newPid']);
});

test('C8 an allowed recovery completes with its delay and its hooks before a later exit ends the fleet', async () => {
  const master = startWatched({
    options: { recoverThreshold: 1, recoverInterval: 300, readyFor: 0 },
    hooks: { onChildRecover: 'wait:300' },
  });
  const { pids } = await master.event('onMasterReady');
  for (const pid of pids) sendSignal(pid, 'SIGKILL');
  const { settled } = await overAndClean(master);
  expect(settled['error']).toMatchObject({ code: 'ERR_PREFORK_OVER_RECOVERY' });
  const recovered = moment(master, 'onChildRecover');
  expect(recovered - moment(master, 'on exit')).toBeGreaterThanOrEqual(300);
  expect(settled.at - recovered).toBeGreaterThanOrEqual(299);
});

test('C8 respawns are parallel: two slots are filled in the time of one', async () => {
  const master = startWatched({ boot: 'wait:2000', options: { recoverThreshold: 2, recoverInterval: 300 } });
  const { pids, addresses } = await master.event('onMasterReady');
  for (const pid of pids) sendSignal(pid, 'SIGKILL');
  await master.event('onChildRecover', { nth: 2 });
  for (const pid of pids) await untilReaped(pid);
  const recovered = master.events('onChildRecover');
  expect(new Set(recovered.map(({ oldPid }) => oldPid))).toEqual(new Set(pids));
  const lastSpawn = master.events('on spawn').at(-1)?.at as number;
  expect(lastSpawn).toBeLessThan(recovered[0]?.at as number);
  expect(recovered.map(({ newPid }) => newPid)).toContain((await httpGet({ port: addresses[0].port })).json().pid);
  master.kill('SIGTERM');
  expect((await overAndClean(master)).exit).toEqual({ code: 0, signal: null });
});

test('C11 onChildSpawn that throws for a recovered worker ends the fleet before onChildRecover', async () => {
  const master = startWatched({ hooks: { onChildSpawn: { does: 'throw', at: 3 } } });
  const { pids } = await master.event('onMasterReady');
  sendSignal(pids[1], 'SIGKILL');
  const { settled } = await overAndClean(master);
  expect(settled['error']).toMatchObject({ code: 'ERR_PREFORK_HOOK', cause: { message: 'thrown by onChildSpawn' } });
  expect(spawned(master)).toHaveLength(3);
  expect(master.events('onChildRecover')).toEqual([]);
  expect(master.events('on recover')).toEqual([]);
});

test('C12 with an interval of 50 ms and threshold 1 the fleet gives up no sooner than 50 ms after the first exit', async () => {
  const master = startWatched({ options: { recoverThreshold: 1, recoverInterval: 50, readyFor: 0 } });
  const { pids } = await master.event('onMasterReady');
  for (const pid of pids) sendSignal(pid, 'SIGKILL');
  const { settled } = await overAndClean(master);
  expect(settled['error']).toMatchObject({ code: 'ERR_PREFORK_OVER_RECOVERY' });
  // The hooks of the exit run a moment after the kernel reported it: Node's timers are exact to a millisecond.
  expect(settled.at - moment(master, 'onChildExit')).toBeGreaterThanOrEqual(49);
  expect(spawned(master)).toHaveLength(3);
});
