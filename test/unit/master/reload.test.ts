import { expect, test } from 'vitest';
import { PreforkError } from '../../../lib/common/errors.js';
import { Master } from '../../../lib/master/master.js';
import { resolveOptions } from '../../../lib/options/resolve.js';
import { crash, hastyFleet as fleet, last } from '../../helpers/fake-fleet.js';
import { FakeSystem, type FakeWorker, settle } from '../../helpers/fake-system.js';

const received = (worker: FakeWorker | undefined) => worker?.received.map(({ type }) => type);

test('a reload starts the new worker of a slot before it drains the old one, slot by slot', async () => {
  const { master, system, started, story } = fleet();
  await started;
  system.behave = () => ({ ready: false });
  const reloaded = master.reload();
  await settle();
  expect(master.status().state).toBe('reloading');
  expect(system.workers).toHaveLength(3);
  expect(received(system.workers[0])).toEqual(['init']);
  system.workers[2]?.becomeReady();
  await settle();
  expect(system.workers[0]?.received.at(-1)).toMatchObject({ type: 'drain', reason: 'replace', timeout: 30_000 });
  expect(system.workers).toHaveLength(4);
  system.workers[3]?.becomeReady();
  expect(await reloaded).toEqual({
    ok: true,
    generation: 1,
    replaced: [
      { slot: 0, oldPid: 5_000_000, newPid: 5_000_002 },
      { slot: 1, oldPid: 5_000_001, newPid: 5_000_003 },
    ],
  });
  expect(master.status()).toMatchObject({ state: 'running', generation: 1, recoveries: 0 });
  expect(master.workers.map(({ slot, generation }) => [slot, generation])).toEqual([
    [0, 1],
    [1, 1],
  ]);
  expect(story).toContain('exit 5000000 requested');
  expect(story).toContain('reload ok 1');
  await master.stop();
});

test('maxSurge slots change hands at a time, draining workers not counted', async () => {
  const system = new FakeSystem();
  system.behave = () => ({ obedient: false });
  const { master, started } = fleet({ workers: 4, maxSurge: 2, drainTimeout: 1_000 }, system);
  await started;
  system.behave = () => ({ ready: false });
  const reloaded = master.reload();
  await settle();
  expect(system.workers).toHaveLength(6);
  system.workers[4]?.becomeReady();
  await settle();
  expect(system.workers).toHaveLength(7);
  for (const index of [5, 6]) system.workers[index]?.becomeReady();
  await settle();
  system.workers[7]?.becomeReady();
  expect((await reloaded).ok).toBe(true);
  expect(system.workers[0]?.signals).toEqual([]);
  await system.advance(1_200);
  for (const old of system.workers.slice(0, 4)) expect(old.signals).toEqual(['SIGKILL']);
  await master.stop(0);
});

test('L7 a generation that does not boot leaves the old workers alone, counts for nothing, and the next one may be good', async () => {
  const { master, system, started, story } = fleet({ recoverThreshold: 0 });
  await started;
  system.behave = () => ({ ready: false });
  const failing = master.reload();
  await settle();
  system.workers[2]?.events.message({ type: 'boot-failed', error: { name: 'SyntaxError', message: 'new code' } });
  system.workers[2]?.exit(crash);
  const verdict = await failing;
  expect(verdict).toMatchObject({
    ok: false,
    generation: 0,
    replaced: [],
    error: { code: 'ERR_PREFORK_BOOT_FAILED', cause: { message: 'new code' } },
  });
  expect(master.status()).toMatchObject({ state: 'running', generation: 0 });
  expect(received(system.workers[0])).toEqual(['init']);
  expect(story).toContain('reload failed 0');
  system.behave = () => ({});
  expect(await master.reload()).toMatchObject({ ok: true, generation: 1 });
  await master.stop();
});

test('L7 a worker of the new generation that hangs is killed at readyTimeout', async () => {
  const { master, system, started } = fleet({ readyTimeout: 2_000 });
  await started;
  system.behave = () => ({ ready: false });
  const failing = master.reload();
  await system.advance(2_000);
  expect(await failing).toMatchObject({ ok: false, error: { message: expect.stringContaining('not ready within') } });
  expect(last(system).signals).toEqual(['SIGKILL']);
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
  const { master, system, started, finished } = fleet();
  await started;
  system.behave = () => ({ ready: false });
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
  const { master, system, started } = fleet({ workers: 1, recoverInterval: 10 });
  await started;
  system.behave = () => ({ ready: false });
  const reloaded = master.reload();
  await settle();
  system.workers[0]?.exit(crash);
  await system.advance(100);
  expect(system.workers).toHaveLength(2);
  system.workers[1]?.becomeReady();
  expect(await reloaded).toMatchObject({ ok: true, replaced: [{ slot: 0, oldPid: 0, newPid: 5_000_001 }] });

  const failing = master.reload();
  await settle();
  system.workers[1]?.exit(crash);
  await settle();
  system.behave = () => ({});
  system.workers[2]?.exit(crash);
  expect((await failing).ok).toBe(false);
  await system.advance(100);
  expect(master.workers.map(({ pid }) => pid)).toEqual([5_000_003]);
  await master.stop();
});

test('a worker that dies, and then its replacement, is recovered although the hook of that one never settles', async () => {
  const onChildSpawn = (pid: number) => (pid === 5_000_002 ? new Promise<void>(() => {}) : undefined);
  for (const ready of [false, true]) {
    const system = new FakeSystem();
    const { master, started } = fleet({ onChildSpawn }, system);
    await started;
    system.behave = (index) => ({ ready: ready || index !== 2 });
    const reloaded = master.reload();
    await settle();
    system.workers[0]?.exit(crash);
    await settle();
    system.workers[2]?.exit(crash);
    await settle();
    expect(await reloaded).toMatchObject({ ok: false });
    expect(last(system).launch).toMatchObject({ slot: 0, generation: 0 });
    await master.stop(0);
  }
});

test('a slot that a reload has filled is not recovered a second time', async () => {
  const { master, system, started } = fleet({ workers: 1, recoverInterval: 1_000 });
  await started;
  system.workers[0]?.exit(crash);
  await settle();
  expect((await master.reload()).ok).toBe(true);
  await system.advance(2_000);
  expect(system.workers).toHaveLength(2);
  await master.stop();
});

test('scale adds slots at the end and takes them away from there', async () => {
  const { master, system, started } = fleet();
  await started;
  await master.scale(() => 4);
  expect(master.workers.map(({ slot }) => slot)).toEqual([0, 1, 2, 3]);
  await master.scale((now) => now - 3);
  await settle();
  expect(master.workers.map(({ pid }) => pid)).toEqual([5_000_000]);
  expect(system.workers[3]?.received.at(-1)).toMatchObject({ type: 'drain', reason: 'replace' });
  await master.scale(() => 2);
  expect(master.workers.map(({ slot, pid }) => [slot, pid])).toEqual([
    [0, 5_000_000],
    [1, 5_000_004],
  ]);
  await master.stop();
});

test('a slot that was taken away during its backoff is not filled again', async () => {
  const { master, system, started } = fleet({ recoverInterval: 1_000 });
  await started;
  system.workers[1]?.exit(crash);
  await settle();
  await master.scale(() => 1);
  await system.advance(2_000);
  expect(system.workers).toHaveLength(2);
  await master.stop();
});

test('a slot that was taken away before its worker could be started leaves no timer when the fleet stops', async () => {
  const { master, system, started } = fleet();
  await started;
  system.behave = () => {
    throw Object.assign(new Error('spawn EAGAIN'), { code: 'EAGAIN' });
  };
  system.workers[1]?.exit(crash);
  await settle();
  await master.scale(() => 1);
  await master.stop(0);
  expect(system.pendingTimers).toBe(0);
});

test('a new worker that does not boot rejects the scaling, keeps its slot and is recovered', async () => {
  const { master, system, started } = fleet({ workers: 1, recoverInterval: 100 });
  await started;
  system.behave = () => ({ ready: false });
  const scaled = master.scale(() => 2);
  await settle();
  system.workers[1]?.exit(crash);
  await expect(scaled).rejects.toMatchObject({ code: 'ERR_PREFORK_BOOT_FAILED' });
  system.behave = () => ({});
  await system.advance(100);
  expect(master.workers.map(({ slot, state }) => [slot, state])).toEqual([
    [0, 'ready'],
    [1, 'ready'],
  ]);
  await master.stop();
});

test('SIGHUP reloads, SIGTTIN and SIGTTOU scale by one, never below one', async () => {
  const { master, system, started } = fleet({ workers: 1 });
  await started;
  system.signal('SIGHUP');
  await system.advance(0);
  expect(master.status().generation).toBe(1);
  system.signal('SIGTTIN');
  await system.advance(0);
  expect(master.workers).toHaveLength(2);
  for (let i = 0; i < 3; i++) system.signal('SIGTTOU');
  await system.advance(0);
  expect(master.workers).toHaveLength(1);
  await master.stop();
});

test('slots whose new worker could not even be started are recovered, and the scaling rejects once all others are ready', async () => {
  const { master, system, started } = fleet({ recoverInterval: 1_000 });
  await started;
  system.behave = (index) => {
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
  await system.advance(500);
  expect(settled).toBe(false);
  last(system).becomeReady();
  expect(await scaled).toMatchObject({ code: 'ERR_PREFORK_BOOT_FAILED', message: expect.stringContaining('EPERM') });
  await system.advance(500);
  expect(master.workers.map(({ slot, state }) => [slot, state])).toEqual(
    [0, 1, 2, 3, 4].map((slot) => [slot, 'ready']),
  );
  expect(master.status().recoveries).toBe(1);
  await master.stop();
});

test('a new worker that a signal from outside drains before it takes over fails its reload, which says so', async () => {
  const { master, system, started } = fleet({
    onChildSpawn: (pid) =>
      pid >= 5_000_002 ? new Promise((resolve) => system.after(1_000, () => resolve())) : undefined,
  });
  await started;
  const reloaded = master.reload();
  await settle();
  last(system).events.message({ type: 'began-draining', signal: 'SIGTERM' });
  await system.advance(1_000);
  expect(await reloaded).toMatchObject({
    ok: false,
    error: {
      code: 'ERR_PREFORK_BOOT_FAILED',
      message: expect.stringMatching(/5000002.* got SIGTERM, not from the master/),
    },
  });
  expect(master.status().state).toBe('running');
  await master.stop();
});

test('a fleet that is over says so: it does not start again, reload or scale', async () => {
  const { master, started, finished } = fleet();
  await started;
  await master.stop();
  await finished;
  const over = { code: 'ABORT_ERR', message: expect.stringMatching(/^The fleet stops, or has stopped/) };
  await expect(master.start()).rejects.toMatchObject(over);
  await expect(master.reload()).rejects.toMatchObject(over);
  await expect(master.scale(() => 3)).rejects.toMatchObject(over);
});

test('a fleet that was never started says so when it is to reload or scale', async () => {
  const settings = resolveOptions({ serve: () => {}, listen: '127.0.0.1:0', logger: false }, '0');
  const ignore = (): void => {};
  const [lives, others] = [
    { spawn: ignore, ready: ignore, exit: ignore, recover: ignore },
    { message: ignore, stop: ignore },
  ];
  const master = new Master(settings, new FakeSystem(), { ...lives, ...others, reload: ignore });
  const unstarted = { code: 'ABORT_ERR', message: expect.stringMatching(/^The fleet was not started: call start\(\)/) };
  await expect(master.reload()).rejects.toMatchObject(unstarted);
  await expect(master.scale(() => 3)).rejects.toMatchObject(unstarted);
});

test('a reload that a failing hook ends reports the error of the hook', async () => {
  const { master, started, finished } = fleet({
    onChildSpawn: (pid) => {
      if (pid === 5_000_002) throw new Error('boom');
    },
  });
  await started;
  expect(await master.reload()).toMatchObject({
    ok: false,
    error: { code: 'ABORT_ERR', cause: { code: 'ERR_PREFORK_HOOK', cause: { message: 'boom' } } },
  });
  expect(await finished).toMatchObject({ code: 'ERR_PREFORK_HOOK' });
});

test('a slot that a reload has taken over is not judged when the process that was to recover it cannot be started', async () => {
  const { master, system, started, log } = fleet({ workers: 1, readyTimeout: 2_000, recoverThreshold: 1 });
  await started;
  system.behave = (_, { generation }) => {
    if (generation > 0) return {};
    throw Object.assign(new Error('spawn EAGAIN'), { code: 'EAGAIN', errno: -11, syscall: 'spawn' });
  };
  system.workers[0]?.exit(crash);
  await system.advance(500);
  expect(await master.reload()).toMatchObject({ ok: true });
  await system.advance(60_000);
  expect(log.filter((line) => line.includes('could not be started'))).toEqual([]);
  expect(master.status().state).toBe('running');
  expect(master.workers.map(({ slot, pid, state }) => [slot, pid, state])).toEqual([[0, 5_000_001, 'ready']]);
  await master.stop();
});

/** A reload's worker serves on trial until 2250 ms; at 1550 ms the process that was to recover its slot cannot be started. */
async function fleetOnTrial(error: () => Error, options: Parameters<typeof fleet>[0] = {}) {
  const settings = { workers: 1, readyTimeout: 2_000, readyFor: 1_000, recoverThreshold: 1, ...options };
  const made = fleet(settings);
  const { master, system, log } = made;
  await made.started;
  system.behave = (_, { generation }) => {
    if (generation > 0) return {};
    throw system.now() < 1_500 ? shortage() : error();
  };
  system.workers[0]?.exit(crash);
  await system.advance(1_000);
  const reloaded = master.reload();
  await system.advance(1_000);
  const failures = () => log.filter((line) => line.includes('could not be started'));
  return { ...made, reloaded, failures };
}

const shortage = () => Object.assign(new Error('spawn EAGAIN'), { code: 'EAGAIN', errno: -11, syscall: 'spawn' });
const own = () => new PreforkError('ERR_PREFORK_COMMAND_PRODUCER_NIL', 'nothing');

for (const [what, error] of [
  ['could not be started', shortage],
  ['was not started by the commandProducer', own],
] as const)
  test(`a slot where the worker of a reload is on trial is not judged for a process that ${what}: that worker may stay`, async () => {
    const { master, system, reloaded, failures } = await fleetOnTrial(error);
    expect(master.status().state).toBe('reloading');
    await system.advance(60_000);
    expect(await reloaded).toMatchObject({ ok: true });
    expect(failures()).toEqual([]);
    expect(master.status().state).toBe('running');
    expect(master.workers.map(({ slot, pid, state }) => [slot, pid, state])).toEqual([[0, 5_000_001, 'ready']]);
    await master.stop();
  });

test('a process that could not be started is judged once when the worker of a reload fails its trial, and the slot is filled', async () => {
  const { master, system, reloaded, failures } = await fleetOnTrial(shortage, { recoverThreshold: 2 });
  expect(failures()).toEqual([]);
  system.behave = () => ({});
  last(system).exit(crash);
  await system.advance(60_000);
  expect(await reloaded).toMatchObject({ ok: false });
  expect(failures()).toHaveLength(1);
  expect(master.workers.map(({ pid, generation, state }) => [pid, generation, state])).toEqual([
    [5_000_002, 0, 'ready'],
  ]);
  await master.stop();
});

test('a commandProducer that failed ends the fleet when the worker of a reload fails its trial, and nothing else serves', async () => {
  const { system, reloaded, finished, log } = await fleetOnTrial(own);
  expect(log.join('\n')).not.toContain('stopping');
  last(system).exit(crash);
  await system.advance(60_000);
  expect(await reloaded).toMatchObject({ ok: false });
  expect(await finished).toMatchObject({ code: 'ERR_PREFORK_COMMAND_PRODUCER_NIL' });
});

test('a process that could not be started is not judged when the fleet stops while the worker of a reload is on trial', async () => {
  const { master, system, reloaded, finished, failures } = await fleetOnTrial(shortage);
  void master.stop();
  await system.advance(60_000);
  expect(await reloaded).toMatchObject({ ok: false });
  expect(await finished).toBeUndefined();
  expect(failures()).toEqual([]);
});
