import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Master } from '../../helpers/index.js';
import {
  type Ability,
  eachOn,
  httpGet,
  patience,
  sendSignal,
  startFleet,
  startReadyFleet,
  testOn,
  testWhen,
} from '../../helpers/index.js';
import { stopAtOnce } from '../../helpers/second-signal.js';
import { canHaveTerminal, hangUp, inTerminal, press } from '../../helpers/terminal.js';

const STOP = ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const;
const needs = (signal: string): readonly Ability[] => (signal === 'SIGQUIT' ? ['signals'] : []);
const needsTerminal = testWhen(canHaveTerminal(), 'needs python3 and pseudo terminals', 'terminals');

/** Proves that the master resolved, one stop ran, every worker's exit counted as requested, and no worker was recovered. */
async function expectOneStop(master: Master, { workers }: { workers: number }): Promise<void> {
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  const settled = master.events('settled').filter((event) => !event['child']);
  expect(settled.map((event) => event['ok'])).toEqual([true]);
  expect(master.stderr.match(/master \d+: stopping$/gm)).toHaveLength(1);
  expect(master.stderr).not.toContain('stopping at once');
  expect(master.events('onChildSpawn').length).toBeLessThanOrEqual(workers);
  expect(master.events('onChildRecover')).toEqual([]);
  expect(master.stderr).not.toContain('is filled again');
  for (const { exit } of master.events('onChildExit')) expect(exit).toMatchObject({ requested: true });
  expect(master.events('onChildExit')).toHaveLength(master.events('onChildSpawn').length);
}

eachOn(STOP, needs)('W1 %s to the master is the graceful path', async (signal) => {
  const { master, port } = await startReadyFleet();
  const slow = httpGet({ port, path: '/slow?ms=300' });
  await master.event('request');
  master.kill(signal);
  expect((await slow).status).toBe(200);
  await expectOneStop(master, { workers: 2 });
  expect(master.events('onChildExit').map(({ exit }) => exit)).toEqual([
    { code: 0, signal: null, requested: true },
    { code: 0, signal: null, requested: true },
  ]);
});

eachOn(STOP, needs)(
  'W1 %s to the whole process group stops a serving fleet once, 5 times in a row',
  async (signal) => {
    for (let round = 0; round < 5; round++) {
      const { master, port } = await startReadyFleet({ options: { workers: 3 } });
      const slow = httpGet({ port, path: '/slow?ms=50' });
      await master.event('request');
      master.killGroup(signal);
      expect((await slow).status).toBe(200);
      await expectOneStop(master, { workers: 3 });
      for (const { exit } of master.events('onChildExit')) expect(exit).toMatchObject({ code: 0, signal: null });
    }
  },
  patience(120_000),
);

// Before a worker's preload runs, the default action of the signal ends it; the moments below fall on both sides of that.
eachOn(STOP, needs)(
  'W1 %s to the whole process group while workers boot stops the fleet once, at many moments',
  async (signal) => {
    for (let ms = 0; ms <= 90; ms += 6) {
      const master = startFleet({ options: { workers: 3 } });
      await master.event('onChildSpawn');
      await delay(ms);
      master.killGroup(signal);
      await expectOneStop(master, { workers: 3 });
    }
  },
  patience(120_000),
);

test(
  'W1 SIGINT to the whole process group while a worker is replaced recovers no other worker',
  async () => {
    for (let ms = 0; ms <= 60; ms += 12) {
      const { master, pids } = await startReadyFleet({ options: { workers: 2 } });
      const respawn = master.next('onChildSpawn');
      sendSignal(pids[0] as number, 'SIGKILL');
      await respawn;
      await delay(ms);
      master.killGroup('SIGINT');
      expect(await master.gone()).toEqual({ code: 0, signal: null });
      expect(master.events('onChildSpawn')).toHaveLength(3);
      expect(master.events('onChildExit').map(({ exit }) => exit.requested)).toEqual([false, true, true]);
    }
  },
  patience(120_000),
);

testOn('signals')(
  'W1 a worker that another process stops is recovered: a drain that the master did not ask for is an exit',
  async () => {
    const { master, pids, port } = await startReadyFleet({ options: { workers: 2 } });
    const [victim] = pids as [number];
    const recovered = master.event('onChildRecover');
    sendSignal(victim, 'SIGTERM');
    expect((await recovered).oldPid).toBe(victim);
    const [exit] = master.events('onChildExit');
    expect(exit).toMatchObject({ worker: { pid: victim }, exit: { code: 0, signal: null, requested: false } });
    expect((await httpGet({ port })).status).toBe(200);
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
);

eachOn(['SIGINT', 'SIGHUP', 'SIGQUIT'] as const, () => ['signals'])(
  'W1 a ready worker ignores %s: the master forwards what it decides',
  async (signal) => {
    const { master, pids, port } = await startReadyFleet({ options: { workers: 1 } });
    const [pid] = pids as [number];
    sendSignal(pid, signal);
    expect((await httpGet({ port })).json().pid).toBe(pid);
    master.kill('SIGTERM');
    await expectOneStop(master, { workers: 1 });
  },
);

test('W1 a second signal stops at once', async () => {
  const { master, port } = await startReadyFleet({ options: { workers: 1, shutdownGracePeriod: 20_000 } });
  const hanging = httpGet({ port, path: '/hang', within: 20_000 });
  const cut = expect(hanging).rejects.toThrow(/hang up|ECONNRESET/);
  await master.event('request');
  master.kill('SIGTERM');
  await master.event('draining');
  // The master takes a signal within 200 ms of the first for its echo.
  await delay(patience(200));
  await stopAtOnce(master, 'SIGINT');
  expect(await master.gone({ within: 10_000 })).toEqual({ code: 0, signal: null });
  await cut;
  expect(master.stderr).toContain('SIGINT: stopping at once');
});

// Between the two this process may get no CPU for the 200 ms of an echo.
test('W1 a signal that arrives twice at once is one wish: requests under way are answered', { retry: 2 }, async () => {
  const { master, port } = await startReadyFleet({ options: { workers: 1 } });
  const slow = httpGet({ port, path: '/slow?ms=500' });
  await master.event('request');
  master.kill('SIGINT');
  master.kill('SIGINT');
  expect((await slow).status).toBe(200);
  expect(await master.gone()).toEqual({ code: 0, signal: null });
});

testOn('signals')('W1 with signals: false the signal table is not installed', async () => {
  const { master, pids } = await startReadyFleet({ options: { signals: false, shutdownGracePeriod: 500 } });
  master.kill('SIGINT');
  expect(await master.gone()).toEqual({ code: null, signal: 'SIGINT' });
  expect(pids).toHaveLength(2);
});

needsTerminal('W1 Ctrl-C on a terminal stops a serving fleet once', async () => {
  const { master, port } = await startReadyFleet({ options: { workers: 2 } }, { wrapper: inTerminal });
  const slow = httpGet({ port, path: '/slow?ms=200' });
  await master.event('request');
  await press(master, 'Ctrl-C');
  expect((await slow).status).toBe(200);
  await expectOneStop(master, { workers: 2 });
  expect(master.stderr).toContain('SIGINT: stopping');
});

needsTerminal(
  'W1 Ctrl-C on a terminal while workers boot stops the fleet once, at many moments',
  async () => {
    for (let ms = 0; ms <= 60; ms += 12) {
      const master = startFleet({ options: { workers: 2 } }, { wrapper: inTerminal });
      await master.event('onChildSpawn');
      await delay(ms);
      await press(master, 'Ctrl-C');
      await expectOneStop(master, { workers: 2 });
    }
  },
  patience(120_000),
);

needsTerminal('W1 a terminal that closes stops the fleet that was started on it', async () => {
  const { master } = await startReadyFleet({ options: { workers: 2 } }, { wrapper: inTerminal });
  await hangUp(master);
  await expectOneStop(master, { workers: 2 });
  expect(master.stderr).toContain('SIGHUP: stopping');
});

testOn('signals')('SIGHUP to a master without a terminal replaces the workers and stops nothing', async () => {
  const { master, pids, port } = await startReadyFleet();
  master.kill('SIGHUP');
  const { args } = await master.event('on reload');
  expect(args).toEqual([{ ok: true, generation: 1, replaced: [expect.any(Object), expect.any(Object)] }]);
  const { pid } = (await httpGet({ port })).json();
  expect(args[0].replaced.map((one: { newPid: number }) => one.newPid)).toContain(pid);
  expect(pids).not.toContain(pid);
  master.kill('SIGTERM');
  expect(await master.gone()).toMatchObject({ code: 0 });
});
