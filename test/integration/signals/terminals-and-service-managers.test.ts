import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import {
  eachOn,
  eventually,
  httpGet,
  type Master,
  sendSignal,
  startFleet,
  startReadyFleet,
  testOn,
} from '../../helpers/index.js';

// startMaster() makes every fleet a process group of its own, as setsid(1) and dumb-init do.

function nothingCounted(master: Master): void {
  expect(master.stderr).not.toMatch(/reload failed|exit \d+ of/);
}

async function endsWell(master: Master): Promise<void> {
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
}

const gaps = [0, 20, 50, 100, 300].map((gap) => ({ gap }));

eachOn(gaps, () => ['posixProcesses'])(
  'N9p SIGHUP to the whole group, and again $gap ms later: both reloads succeed, also while workers boot',
  async ({ gap }) => {
    const { master, port } = await startReadyFleet({ options: { readyFor: 200 } });
    master.killGroup('SIGHUP');
    await delay(gap); // the gap is the subject of the test
    master.killGroup('SIGHUP');
    // The kernel makes one of two signals that are pending: then there is one reload.
    await master.logged(/SIGHUP: reloading/);
    await master.event('on reload');
    await master.call('status'); // the master has got every signal before
    await master.call('scale', 2); // its turn comes after every reload that was asked for
    const verdicts = master.events('on reload').map(({ args }) => args[0].ok);
    expect(verdicts).toEqual(verdicts.map(() => true));
    expect(verdicts).toHaveLength(master.stderr.match(/SIGHUP: reloading/g)?.length ?? 0);
    nothingCounted(master);
    expect((await httpGet({ port })).json().generation).toBe(verdicts.length);
    await endsWell(master);
  },
);

testOn('posixProcesses')(
  'N9p SIGHUP to the whole group while a lost worker is replaced is no exit of that worker, and the slot is filled',
  async () => {
    const { master, pids, port } = await startReadyFleet({ options: { readyFor: 0, recoverThreshold: 1 } });
    const spawned = master.next('onChildSpawn');
    sendSignal(pids[0] as number, 'SIGKILL');
    await spawned;
    master.killGroup('SIGHUP');
    // By the worker that is started again, or by that of the reload, which may be quicker.
    expect((await master.event('on reload'))['args'][0]).toMatchObject({ ok: true });
    const ready = await eventually(async () => {
      const { workers } = await master.call('status');
      const found = workers.filter(({ state }: { state: string }) => state === 'ready');
      return found.length === 2 && found;
    });
    expect(ready.map(({ slot }: { slot: number }) => slot)).toEqual([0, 1]);
    expect((await httpGet({ port })).json().generation).toBe(1);
    expect(master.stderr.match(/exit \d+ of/g)).toHaveLength(1);
    await endsWell(master);
  },
);

const signals = (['SIGHUP', 'SIGUSR2'] as const).map((signal) => ({ signal }));

eachOn(signals, () => ['posixProcesses'])(
  'N9p $signal to the whole group during the first start, and during a scaling: the workers that it meets too early are started again',
  async ({ signal }) => {
    const master = startFleet({ options: { readyFor: 0 } });
    await master.event('onChildSpawn', { nth: 2 });
    master.killGroup(signal);
    const { addresses } = await master.event('onMasterReady');
    // Of a signal and a call that both wait for a CPU the master may see the call first.
    if (signal === 'SIGHUP') await master.event('on reload');
    await master.call('scale', 2);
    const spawned = master.next('onChildSpawn');
    const scaled = master.call('scale', 3);
    await spawned;
    master.killGroup(signal);
    expect(await scaled).toBeUndefined();
    if (signal === 'SIGHUP') await master.event('on reload', { nth: 2 });
    await master.call('scale', 3);
    expect(master.events('on reload').map(({ args }) => args[0].ok)).toEqual(signal === 'SIGHUP' ? [true, true] : []);
    expect((await httpGet({ port: addresses[0].port })).status).toBe(200);
    nothingCounted(master);
    await endsWell(master);
  },
);

testOn('posixProcesses')(
  'N9p SIGHUP to one worker that boots, and to no other process, is an exit like any other',
  async () => {
    const { master, pids } = await startReadyFleet({ options: { readyFor: 0 } });
    const spawned = master.next('onChildSpawn');
    sendSignal(pids[0] as number, 'SIGKILL');
    sendSignal((await spawned)['pid'], 'SIGHUP');
    await master.event('onChildRecover');
    expect(master.stderr.match(/exit \d+ of/g)?.length).toBeGreaterThan(0);
    await endsWell(master);
  },
);
