/** A worker that is not ready in time and may not be killed: what kill(2) says of a program that is set-uid. */

import { expect, test } from 'vitest';
import { crash, fleet, last } from '../../helpers/fake-fleet.js';
import { FakeSystem, settle } from '../../helpers/fake-system.js';

const READY_TIMEOUT = 2_000;

/** A fleet whose workers serve, and whose next one boots for ever and may not be signalled. */
async function fleetWithNextStuck(options: Parameters<typeof fleet>[0] = {}, system = new FakeSystem()) {
  const made = fleet({ readyTimeout: READY_TIMEOUT, readyFor: 0, ...options }, system);
  await made.started;
  system.behave = (index) => (index === 2 ? { ready: false, foreign: true } : {});
  const slots = () => made.master.workers.map(({ slot, pid, state }) => [slot, pid, state]);
  return { ...made, slots };
}

test('a worker that recovers a slot, is not ready in time and may not be killed keeps the slot alone, and serves there when it is ready after all', async () => {
  const { master, system, story, log, slots } = await fleetWithNextStuck();
  system.workers[0]?.exit(crash);
  await system.advance(READY_TIMEOUT + 600_000);
  const stuck = last(system);
  expect(stuck.refused).toEqual(['SIGKILL']);
  expect(slots()).toEqual([
    [0, 5_000_002, 'starting'],
    [1, 5_000_001, 'ready'],
  ]);
  expect(log.filter((line) => line.includes('keeps its slot'))).toEqual([
    expect.stringContaining('worker 0 (pid 5000002, generation 0) keeps its slot until it is ready after all'),
  ]);
  stuck.becomeReady();
  await settle();
  expect(slots()).toEqual([
    [0, 5_000_002, 'ready'],
    [1, 5_000_001, 'ready'],
  ]);
  expect(story.at(-1)).toBe('recover 5000000 5000002');
  await master.stop();
});

test('the slot of a worker that was not ready in time and may not be killed is filled again when it ends by itself', async () => {
  const { master, system, slots } = await fleetWithNextStuck();
  system.workers[0]?.exit(crash);
  await system.advance(READY_TIMEOUT + 60_000);
  last(system).exit(crash);
  await system.advance(60_000);
  expect(slots()).toEqual([
    [0, 5_000_003, 'ready'],
    [1, 5_000_001, 'ready'],
  ]);
  await master.stop();
});

test('scale() rejects for such a worker with EPERM as the reason, and its new slot is not filled a second time', async () => {
  const { master, system, log, slots } = await fleetWithNextStuck();
  const scaled = master.scale(() => 3).catch((error: unknown) => error);
  await system.advance(READY_TIMEOUT);
  expect(await scaled).toMatchObject({
    code: 'ERR_PREFORK_BOOT_FAILED',
    message: expect.stringMatching(/was not ready within 2000 ms, and cannot be killed: .*kill EPERM/),
    cause: { code: 'EPERM' },
  });
  await system.advance(600_000);
  expect(slots()).toHaveLength(3);
  expect(log.filter((line) => line.includes('keeps its slot'))).toHaveLength(1);
  last(system).becomeReady();
  await settle();
  expect(slots().at(-1)).toEqual([2, 5_000_002, 'ready']);
  await master.stop();
});

test('a reload whose new worker is stuck fails with EPERM as the reason; the old one serves on, and the new one leaves as soon as it is ready', async () => {
  const { master, system, slots } = await fleetWithNextStuck();
  const reloaded = master.reload();
  await system.advance(READY_TIMEOUT);
  expect(await reloaded).toMatchObject({ ok: false, generation: 0, error: { cause: { code: 'EPERM' } } });
  await system.advance(600_000);
  const stuck = last(system);
  expect(system.workers).toHaveLength(3);
  expect(slots()).toEqual([
    [0, 5_000_000, 'ready'],
    [0, 5_000_002, 'draining'],
    [1, 5_000_001, 'ready'],
  ]);
  stuck.becomeReady();
  await settle();
  expect(stuck.received.some(({ type }) => type === 'drain')).toBe(true);
  expect(slots()).toEqual([
    [0, 5_000_000, 'ready'],
    [1, 5_000_001, 'ready'],
  ]);
  await master.stop();
});

test('a slot whose worker is stuck is taken over by the worker of a reload', async () => {
  const { master, system, slots } = await fleetWithNextStuck();
  system.workers[0]?.exit(crash);
  await system.advance(READY_TIMEOUT + 1_000);
  expect((await master.reload()).ok).toBe(true);
  const stuck = system.workers[2];
  expect(slots().filter(([, , state]) => state === 'ready')).toHaveLength(2);
  stuck?.becomeReady();
  await settle();
  expect(stuck?.gone).toBe(true);
  await master.stop();
});

test('a fleet whose first worker is stuck ends with EPERM as the reason, and does not wait for it', async () => {
  const system = new FakeSystem();
  system.behave = () => ({ ready: false, foreign: true });
  const { started, finished, log } = fleet({ workers: 1, readyTimeout: READY_TIMEOUT }, system);
  await system.advance(READY_TIMEOUT);
  await system.advance(60_000);
  expect(await started).toMatchObject({ code: 'ERR_PREFORK_BOOT_FAILED', cause: { code: 'EPERM' } });
  expect(await finished).toMatchObject({ code: 'ERR_PREFORK_BOOT_FAILED' });
  expect(system.workers).toHaveLength(1);
  expect(log.join('\n')).not.toContain('keeps its slot');
  expect(system.pendingTimers).toBe(0);
});

test('a worker that is stuck holds no listener of a fleet that stops open: they are closed as soon as no other worker accepts', async () => {
  const { master, system, finished } = await fleetWithNextStuck({ shutdownGracePeriod: 10_000 });
  system.workers[1]?.exit(crash);
  await system.advance(READY_TIMEOUT + 1_000);
  const served = system.workers[0];
  if (served !== undefined) served.behaviour.obedient = false;
  void master.stop();
  await settle();
  expect(system.closedListeners).toBe(0);
  served?.exit({ code: 0, signal: null });
  await settle();
  expect(system.closedListeners).toBe(1);
  expect(master.status().state).toBe('stopping');
  last(system).exit(crash);
  await system.advance(1_000);
  expect(await finished).toBeUndefined();
  expect(system.pendingTimers).toBe(0);
});

test('the stuck worker that is left of a reload that failed holds no listener of a fleet that stops open', async () => {
  const { master, system, finished } = await fleetWithNextStuck({ shutdownGracePeriod: 10_000 });
  const reloaded = master.reload();
  await system.advance(READY_TIMEOUT);
  expect((await reloaded).ok).toBe(false);
  void master.stop();
  await settle();
  expect(system.closedListeners).toBe(1);
  await system.advance(60_000);
  expect(await finished).toBeUndefined();
  expect(system.pendingTimers).toBe(0);
});

test('a worker that is stuck, and becomes ready when the listeners of a fleet that stops are closed, is asked to leave, and the stop ends with it', async () => {
  const { master, system, finished } = await fleetWithNextStuck({ shutdownGracePeriod: 10_000 });
  system.workers[1]?.exit(crash);
  await system.advance(READY_TIMEOUT + 1_000);
  void master.stop();
  await settle();
  expect(system.closedListeners).toBe(1);
  last(system).becomeReady();
  await system.advance(1_000);
  expect(last(system).received.at(-1)).toMatchObject({ type: 'drain' });
  expect(await finished).toBeUndefined();
});

test('a fleet without workers that gives up does not wait for a recovery that is stuck', async () => {
  const { system, log, finished } = await fleetWithNextStuck({ recoverThreshold: 1, recoverWindow: 60_000 });
  system.workers[0]?.exit(crash);
  await system.advance(READY_TIMEOUT + 1_000);
  system.workers[1]?.exit(crash);
  await settle();
  expect(log.join('\n')).toContain('stopping, because Workers exited more than 1 times');
  await system.advance(60_000);
  expect(await finished).toMatchObject({ code: 'ERR_PREFORK_OVER_RECOVERY' });
  expect(system.pendingTimers).toBe(0);
});

test('a fleet that gives up waits for the hook of a recovery that was stuck, and is ready after all', async () => {
  const system = new FakeSystem();
  const { log, story, slots, finished } = await fleetWithNextStuck(
    {
      recoverThreshold: 1,
      recoverWindow: 60_000,
      onChildRecover: () => new Promise((resolve) => system.after(500, () => resolve())),
    },
    system,
  );
  system.workers[0]?.exit(crash);
  await system.advance(READY_TIMEOUT + 1_000);
  last(system).becomeReady();
  await settle();
  expect(slots()).toContainEqual([0, 5_000_002, 'ready']);
  system.workers[1]?.exit(crash);
  await system.advance(499);
  expect(log.join('\n')).toContain('slot 1 is not filled again');
  expect(log.join('\n')).not.toContain('stopping');
  await system.advance(1);
  expect(story).toContain('recover 5000000 5000002');
  expect(log.join('\n')).toContain('stopping, because Workers exited more than 1 times');
  await system.advance(60_000);
  expect(await finished).toMatchObject({ code: 'ERR_PREFORK_OVER_RECOVERY' });
});

test('a fleet that gives up waits for a recovery that is under way until that is stuck, and no longer', async () => {
  const { system, log } = await fleetWithNextStuck({ recoverThreshold: 1, recoverWindow: 60_000 });
  system.workers[0]?.exit(crash);
  await system.advance(READY_TIMEOUT - 500);
  system.workers[1]?.exit(crash);
  await system.advance(499);
  expect(log.join('\n')).toContain('slot 1 is not filled again');
  expect(log.join('\n')).not.toContain('stopping');
  await system.advance(1);
  expect(log.join('\n')).toContain('stopping, because Workers exited more than 1 times');
  expect(log.join('\n')).not.toContain('keeps its slot');
  await system.advance(60_000);
});

test('a slot that scale() added is filled although its worker was stuck, was ended by a signal to the whole group, and the next one could not be started', async () => {
  const { master, system, log, slots } = await fleetWithNextStuck();
  const scaled = master.scale(() => 3).catch((error: unknown) => error);
  await system.advance(READY_TIMEOUT);
  expect(await scaled).toMatchObject({ cause: { code: 'EPERM' } });
  system.signal('SIGUSR2');
  const { behave } = system;
  system.behave = () => {
    system.behave = behave;
    throw Object.assign(new Error('spawn ENOENT'), { code: 'ENOENT', errno: -2, syscall: 'spawn' });
  };
  last(system).exit({ code: null, signal: 'SIGUSR2' });
  await system.advance(60_000);
  expect(log.filter((line) => line.includes('the worker of slot 2 could not be started'))).toHaveLength(1);
  expect(system.spawnAttempts).toBe(5);
  expect(slots().at(-1)).toEqual([2, 5_000_003, 'ready']);
  await master.stop();
});

test('a slot that scale() added, and for which no process could be started, is recovered once', async () => {
  const { master, system, log, slots } = await fleetWithNextStuck();
  system.behave = (index) => {
    if (index > 2) return {};
    throw Object.assign(new Error('spawn ENOENT'), { code: 'ENOENT', errno: -2, syscall: 'spawn' });
  };
  expect(await master.scale(() => 3).catch((error: unknown) => error)).toMatchObject({ cause: { code: 'ENOENT' } });
  await system.advance(60_000);
  expect(log.filter((line) => line.includes('the worker of slot 2 could not be started'))).toHaveLength(1);
  expect(system.spawnAttempts).toBe(4);
  expect(slots().at(-1)).toEqual([2, 5_000_002, 'ready']);
  await master.stop();
});

test('a slot that scale() added is not judged for a process that could not be started while the worker of a reload boots there', async () => {
  const { master, system, log, slots } = await fleetWithNextStuck({ maxSurge: 3 });
  const scaled = master.scale(() => 3).catch((error: unknown) => error);
  await system.advance(READY_TIMEOUT);
  expect(await scaled).toMatchObject({ cause: { code: 'EPERM' } });
  system.behave = (_, { generation, slot }) => {
    if (generation > 0) return { ready: slot !== 2 };
    throw Object.assign(new Error('spawn EAGAIN'), { code: 'EAGAIN', errno: -11, syscall: 'spawn' });
  };
  system.signal('SIGUSR2');
  last(system).exit({ code: null, signal: 'SIGUSR2' });
  await system.advance(1_000);
  const reloaded = master.reload();
  await system.advance(READY_TIMEOUT - 1_000);
  expect(log.join('\n')).toContain('short of resources');
  system.workers.find(({ launch }) => launch.generation > 0 && launch.slot === 2)?.becomeReady();
  expect(await reloaded).toMatchObject({ ok: true });
  await system.advance(60_000);
  expect(log.join('\n')).not.toContain('could not be started');
  expect(slots().map(([slot, , state]) => [slot, state])).toEqual([
    [0, 'ready'],
    [1, 'ready'],
    [2, 'ready'],
  ]);
  await master.stop();
});
