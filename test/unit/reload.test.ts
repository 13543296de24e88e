import { expect, test } from 'vitest';
import { crash, hastyFleet as fleet, last } from '../helpers/fake-fleet.js';
import { FakeHost, type FakeWorker, settle } from '../helpers/fake-host.js';

const received = (worker: FakeWorker | undefined) => worker?.received.map(({ type }) => type);

test('a reload starts the new worker of a slot before it drains the old one, slot by slot', async () => {
  const { master, host, started, story } = fleet();
  await started;
  host.behave = () => ({ ready: false });
  const reloaded = master.reload();
  await settle();
  expect(master.status().state).toBe('reloading');
  expect(host.workers).toHaveLength(3);
  expect(received(host.workers[0])).toEqual(['init']);
  host.workers[2]?.becomeReady();
  await settle();
  expect(host.workers[0]?.received.at(-1)).toEqual({ type: 'drain', reason: 'replace', timeout: 30_000 });
  expect(host.workers).toHaveLength(4);
  host.workers[3]?.becomeReady();
  expect(await reloaded).toEqual({
    ok: true,
    generation: 1,
    replaced: [
      { slot: 0, oldPid: 2_000, newPid: 2_002 },
      { slot: 1, oldPid: 2_001, newPid: 2_003 },
    ],
  });
  expect(master.status()).toMatchObject({ state: 'running', generation: 1, recoveries: 0 });
  expect(master.workers.map(({ slot, generation }) => [slot, generation])).toEqual([
    [0, 1],
    [1, 1],
  ]);
  expect(story).toContain('exit 2000 requested');
  expect(story).toContain('reload ok 1');
  await master.stop();
});

test('maxSurge slots change hands at a time, draining workers not counted', async () => {
  const host = new FakeHost();
  host.behave = () => ({ obedient: false });
  const { master, started } = fleet({ workers: 4, maxSurge: 2, drainTimeout: 1_000 }, host);
  await started;
  host.behave = () => ({ ready: false });
  const reloaded = master.reload();
  await settle();
  expect(host.workers).toHaveLength(6);
  host.workers[4]?.becomeReady();
  await settle();
  expect(host.workers).toHaveLength(7);
  for (const index of [5, 6]) host.workers[index]?.becomeReady();
  await settle();
  host.workers[7]?.becomeReady();
  expect((await reloaded).ok).toBe(true);
  expect(host.workers[0]?.signals).toEqual([]);
  await host.advance(1_200);
  for (const old of host.workers.slice(0, 4)) expect(old.signals).toEqual(['SIGKILL']);
  await master.stop(0);
});

test('L7 a generation that does not boot leaves the old workers alone, counts for nothing, and the next one may be good', async () => {
  const { master, host, started, story } = fleet({ recoverThreshold: 0 });
  await started;
  host.behave = () => ({ ready: false });
  const failing = master.reload();
  await settle();
  host.workers[2]?.events.message({ type: 'boot-error', error: { name: 'SyntaxError', message: 'new code' } });
  host.workers[2]?.exit(crash);
  const verdict = await failing;
  expect(verdict).toMatchObject({
    ok: false,
    generation: 0,
    replaced: [],
    error: { code: 'ERR_PREFORK_BOOT_FAILED', cause: { message: 'new code' } },
  });
  expect(master.status()).toMatchObject({ state: 'running', generation: 0 });
  expect(received(host.workers[0])).toEqual(['init']);
  expect(story).toContain('reload failed 0');
  host.behave = () => ({});
  expect(await master.reload()).toMatchObject({ ok: true, generation: 1 });
  await master.stop();
});

test('L7 a worker of the new generation that hangs is killed at readyTimeout', async () => {
  const { master, host, started } = fleet({ readyTimeout: 2_000 });
  await started;
  host.behave = () => ({ ready: false });
  const failing = master.reload();
  await host.advance(2_000);
  expect(await failing).toMatchObject({ ok: false, error: { message: expect.stringContaining('not ready within') } });
  expect(last(host).signals).toEqual(['SIGKILL']);
  await master.stop();
});

test('L8 reloads that are asked for during a reload become one that follows it', async () => {
  const { master, started } = fleet();
  await started;
  const first = master.reload();
  await settle();
  const [second, third] = [master.reload(), master.reload()];
  expect((await first).generation).toBe(1);
  expect(await second).toBe(await third);
  expect((await second).generation).toBe(2);
  await master.stop();
});

test('L8 a stop during a reload wins', async () => {
  const { master, host, started, finished } = fleet();
  await started;
  host.behave = () => ({ ready: false });
  const cut = master.reload();
  const queued = master.reload();
  await settle();
  await master.stop();
  expect(await cut).toMatchObject({ ok: false, generation: 0, error: { code: 'ABORT_ERR' } });
  expect((await queued).ok).toBe(false);
  expect(await finished).toBeUndefined();
  await expect(master.reload()).rejects.toMatchObject({ code: 'ABORT_ERR' });
});

test('L8 a reload that was asked for just before a stop has a verdict, and is not refused', async () => {
  const { master, started } = fleet();
  await started;
  const reloaded = master.reload();
  const stopped = master.stop();
  expect(await reloaded).toMatchObject({ ok: false, replaced: [], error: { code: 'ABORT_ERR' } });
  await stopped;
});

test('a worker that dies while its replacement boots is not recovered unless that one fails', async () => {
  const { master, host, started } = fleet({ workers: 1, recoverInterval: 10 });
  await started;
  host.behave = () => ({ ready: false });
  const reloaded = master.reload();
  await settle();
  host.workers[0]?.exit(crash);
  await host.advance(100);
  expect(host.workers).toHaveLength(2);
  host.workers[1]?.becomeReady();
  expect(await reloaded).toMatchObject({ ok: true, replaced: [{ slot: 0, oldPid: 0, newPid: 2_001 }] });

  const failing = master.reload();
  await settle();
  host.workers[1]?.exit(crash);
  await settle();
  host.behave = () => ({});
  host.workers[2]?.exit(crash);
  expect((await failing).ok).toBe(false);
  await host.advance(100);
  expect(master.workers.map(({ pid }) => pid)).toEqual([2_003]);
  await master.stop();
});

test('a slot that a reload has filled is not recovered a second time', async () => {
  const { master, host, started } = fleet({ workers: 1, recoverInterval: 1_000 });
  await started;
  host.workers[0]?.exit(crash);
  await settle();
  expect((await master.reload()).ok).toBe(true);
  await host.advance(2_000);
  expect(host.workers).toHaveLength(2);
  await master.stop();
});

test('scale adds slots at the end and takes them away from there', async () => {
  const { master, host, started } = fleet();
  await started;
  await master.scale(() => 4);
  expect(master.workers.map(({ slot }) => slot)).toEqual([0, 1, 2, 3]);
  await master.scale((now) => now - 3);
  await settle();
  expect(master.workers.map(({ pid }) => pid)).toEqual([2_000]);
  expect(host.workers[3]?.received.at(-1)).toMatchObject({ type: 'drain', reason: 'replace' });
  await master.scale(() => 2);
  expect(master.workers.map(({ slot, pid }) => [slot, pid])).toEqual([
    [0, 2_000],
    [1, 2_004],
  ]);
  await master.stop();
});

test('a slot that was taken away during its backoff is not filled again', async () => {
  const { master, host, started } = fleet({ recoverInterval: 1_000 });
  await started;
  host.workers[1]?.exit(crash);
  await settle();
  await master.scale(() => 1);
  await host.advance(2_000);
  expect(host.workers).toHaveLength(2);
  await master.stop();
});

test('a new worker that does not boot rejects the scaling, keeps its slot and is recovered', async () => {
  const { master, host, started } = fleet({ workers: 1, recoverInterval: 100 });
  await started;
  host.behave = () => ({ ready: false });
  const scaled = master.scale(() => 2);
  await settle();
  host.workers[1]?.exit(crash);
  await expect(scaled).rejects.toMatchObject({ code: 'ERR_PREFORK_BOOT_FAILED' });
  host.behave = () => ({});
  await host.advance(100);
  expect(master.workers.map(({ slot, state }) => [slot, state])).toEqual([
    [0, 'ready'],
    [1, 'ready'],
  ]);
  await master.stop();
});

test('SIGHUP reloads, SIGTTIN and SIGTTOU scale by one, never below one', async () => {
  const { master, host, started } = fleet({ workers: 1 });
  await started;
  host.signal('SIGHUP');
  await host.advance(0);
  expect(master.status().generation).toBe(1);
  host.signal('SIGTTIN');
  await host.advance(0);
  expect(master.workers).toHaveLength(2);
  for (let i = 0; i < 3; i++) host.signal('SIGTTOU');
  await host.advance(0);
  expect(master.workers).toHaveLength(1);
  await master.stop();
});

test('slots whose new worker could not even be started are recovered, and the scaling rejects once all others are ready', async () => {
  const { master, host, started } = fleet({ recoverInterval: 1_000 });
  await started;
  host.behave = (index) => {
    if (index === 3) throw Object.assign(new Error('clone EPERM'), { code: 'EPERM', syscall: 'clone' });
    return { ready: index !== 4 };
  };
  let settled = false;
  const scaled = master
    .scale(() => 5)
    .catch((error: unknown) => error)
    .finally(() => {
      settled = true;
    });
  await host.advance(500);
  expect(settled).toBe(false);
  last(host).becomeReady();
  expect(await scaled).toMatchObject({ code: 'ERR_PREFORK_BOOT_FAILED', message: expect.stringContaining('EPERM') });
  await host.advance(500);
  expect(master.workers.map(({ slot, state }) => [slot, state])).toEqual(
    [0, 1, 2, 3, 4].map((slot) => [slot, 'ready']),
  );
  expect(master.status().recoveries).toBe(1);
  await master.stop();
});

test('a new worker that is told to drain from outside before it takes over fails its reload, which says so', async () => {
  const { master, host, started } = fleet({
    onChildSpawn: (pid) => (pid >= 2_002 ? new Promise((resolve) => host.after(1_000, () => resolve())) : undefined),
  });
  await started;
  const reloaded = master.reload();
  await settle();
  last(host).events.message({ type: 'draining', signal: 'SIGTERM' });
  await host.advance(1_000);
  expect(await reloaded).toMatchObject({
    ok: false,
    error: {
      code: 'ERR_PREFORK_BOOT_FAILED',
      message: expect.stringMatching(/2002.* got SIGTERM, not from the master/),
    },
  });
  expect(master.status().state).toBe('running');
  await master.stop();
});

test('a reload that a failing hook ends tells the error of the hook', async () => {
  const { master, started, finished } = fleet({
    onChildSpawn: (pid) => {
      if (pid === 2_002) throw new Error('boom');
    },
  });
  await started;
  expect(await master.reload()).toMatchObject({
    ok: false,
    error: { code: 'ABORT_ERR', cause: { code: 'ERR_PREFORK_HOOK', cause: { message: 'boom' } } },
  });
  expect(await finished).toMatchObject({ code: 'ERR_PREFORK_HOOK' });
});
