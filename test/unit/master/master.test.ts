import { expect, test } from 'vitest';
import type { WorkerExit } from '../../../lib/common/errors.js';
import { PreforkError } from '../../../lib/common/errors.js';
import { crash, fleet, last } from '../../helpers/fake-fleet.js';
import { type Behaviour, FakeSystem, settle } from '../../helpers/fake-system.js';

const never = new Promise<void>(() => {});

test('start spawns every slot in parallel and resolves when all are ready', async () => {
  const system = new FakeSystem();
  system.behave = () => ({ ready: false });
  const { master, started, story } = fleet({ workers: 3 }, system);
  await settle();
  expect(system.workers).toHaveLength(3);
  expect(master.status().state).toBe('starting');
  for (const worker of system.workers) worker.becomeReady();
  expect(await started).toBeUndefined();
  expect(story).toEqual(['spawn 5000000', 'spawn 5000001', 'spawn 5000002', 'ready 5000000 5000001 5000002']);
  expect(master.status()).toMatchObject({ state: 'running', recoveries: 0, generation: 0, pid: 1_000 });
  expect(master.workers.map(({ slot, pid, state }) => [slot, pid, state])).toEqual([
    [0, 5_000_000, 'ready'],
    [1, 5_000_001, 'ready'],
    [2, 5_000_002, 'ready'],
  ]);
  await master.stop();
});

test('a worker that exits is recovered in its slot, at once the first time', async () => {
  const { master, system, started, story } = fleet();
  await started;
  system.workers[1]?.exit(crash);
  await settle();
  expect(story.slice(3)).toEqual(['exit 5000001', 'spawn 5000002', 'recover 5000001 5000002']);
  expect(master.workers.map(({ slot, pid }) => [slot, pid])).toEqual([
    [0, 5_000_000],
    [1, 5_000_002],
  ]);
  expect(master.status().recoveries).toBe(1);
  await master.stop();
});

test('C8 an allowed recovery, its delay and its hooks come to their end before the fleet gives up', async () => {
  const order: string[] = [];
  const { system, started, finished } = fleet({
    recoverThreshold: 1,
    recoverInterval: 50,
    onChildSpawn: (pid) => void order.push(`spawn ${pid}`),
    onMasterReady: (pids) => void order.push(`ready ${pids.length}`),
    onChildRecover: (oldPid, newPid) => void order.push(`recover ${oldPid} ${newPid}`),
  });
  await started;
  system.workers[0]?.exit(crash);
  system.workers[1]?.exit(crash);
  await system.advance(49);
  expect(system.workers).toHaveLength(2);
  await system.advance(1);
  expect(await finished).toMatchObject({
    code: 'ERR_PREFORK_OVER_RECOVERY',
    exits: [{ pid: 5_000_000 }, { pid: 5_000_001 }],
  });
  expect(order).toEqual(['spawn 5000000', 'spawn 5000001', 'ready 2', 'spawn 5000002', 'recover 5000000 5000002']);
});

test('N1j a worker that is ready and exits while others still boot is a boot failure: no hook and no event ever hears of its pid', async () => {
  const system = new FakeSystem();
  system.behave = (index) => ({ ready: index !== 1 });
  const ready: number[][] = [];
  const { started, finished, story } = fleet({ onMasterReady: (pids) => void ready.push(pids) }, system);
  await settle();
  system.workers[0]?.exit(crash);
  await settle();
  system.workers[1]?.becomeReady();
  expect(await started).toMatchObject({ code: 'ERR_PREFORK_BOOT_FAILED', exits: [{ pid: 5_000_000 }] });
  expect(await finished).toBe(await started);
  expect(ready).toEqual([]);
  expect(story).not.toContain('ready 5000000 5000001');
});

test('recoveries of different slots run in parallel', async () => {
  const { master, system, started } = fleet({ recoverInterval: 1_000 });
  await started;
  system.workers[0]?.exit(crash);
  await system.advance(10);
  system.workers[1]?.exit(crash);
  await system.advance(995);
  expect(system.workers).toHaveLength(3);
  await system.advance(10);
  expect(system.workers).toHaveLength(4);
  await master.stop();
});

test('the delay grows for a slot that keeps failing, and a boot failure after the start never touches its siblings', async () => {
  const { master, system, started } = fleet({
    recoverInterval: { initial: 100, factor: 2, jitter: 0 },
    recoverThreshold: Number.POSITIVE_INFINITY,
  });
  await started;
  system.behave = () => ({ ready: false });
  system.workers[0]?.exit(crash);
  await settle();
  for (const delay of [100, 200, 400]) {
    const before = system.workers.length;
    last(system).exit(crash);
    await system.advance(delay - 1);
    expect(system.workers).toHaveLength(before);
    await system.advance(1);
    expect(system.workers).toHaveLength(before + 1);
  }
  expect(system.workers[1]?.received.map(({ type }) => type)).toEqual(['init']);
  await master.stop();
});

test('a boot failure during the start takes the fleet down with the evidence', async () => {
  const system = new FakeSystem();
  system.behave = (index) => ({ ready: index === 0 });
  const { started, finished, log } = fleet({}, system);
  await settle();
  system.workers[1]?.events.message({ type: 'wrote-stderr', text: 'about to fail\n' });
  system.workers[1]?.events.message({
    type: 'boot-failed',
    error: { name: 'Error', message: 'no database', code: 'EDB' },
  });
  system.workers[1]?.exit(crash);
  const error = (await started) as PreforkError;
  expect(error).toBeInstanceOf(PreforkError);
  expect(error).toMatchObject({ code: 'ERR_PREFORK_BOOT_FAILED', cause: { message: 'no database', code: 'EDB' } });
  const exit: WorkerExit = {
    pid: 5_000_001,
    slot: 1,
    generation: 0,
    code: 1,
    signal: null,
    uptime: 0,
    stderr: 'about to fail',
  };
  expect(error.exits).toEqual([exit]);
  expect(await finished).toBe(error);
  expect(system.closedListeners).toBe(1);
  expect(system.pendingTimers).toBe(0);
  expect(log.some((line) => line.includes('worker 1 (pid 5000001, generation 0)'))).toBe(true);
});

test('a worker that is not ready in time is killed and is a boot failure', async () => {
  const system = new FakeSystem();
  system.behave = () => ({ ready: false });
  const { started } = fleet({ workers: 1, readyTimeout: 2_000 }, system);
  await system.advance(1_999);
  expect(system.workers[0]?.signals).toEqual([]);
  await system.advance(1);
  expect(system.workers[0]?.signals).toEqual(['SIGKILL']);
  expect(await started).toMatchObject({
    code: 'ERR_PREFORK_BOOT_FAILED',
    message: expect.stringContaining('was not ready within 2000 ms'),
  });
});

test("readiness 'spawn' counts a process as ready once it exists and stops it with SIGTERM", async () => {
  const system = new FakeSystem();
  system.behave = () => ({ ready: false });
  const { master, started } = fleet({ workers: 1, readiness: 'spawn', exec: 'python3' }, system);
  expect(await started).toBeUndefined();
  await master.stop();
  expect(system.workers[0]?.signals).toEqual(['SIGTERM']);
});

test('W7 a spawn that fails for lack of resources is tried again until readyTimeout, other errors are boot failures', async () => {
  const system = new FakeSystem();
  system.behave = (index) => {
    if (index < 3) throw Object.assign(new Error('clone EAGAIN'), { code: 'EAGAIN' });
    return {};
  };
  const { master, started } = fleet({ workers: 1 }, system);
  await system.advance(1_000);
  expect(await started).toBeUndefined();
  await master.stop();

  const missing = new FakeSystem();
  missing.behave = () => {
    throw Object.assign(new Error('execve ENOENT'), { code: 'ENOENT' });
  };
  expect(await fleet({}, missing).started).toMatchObject({
    code: 'ERR_PREFORK_BOOT_FAILED',
    cause: { code: 'ENOENT' },
  });

  const short = new FakeSystem();
  short.behave = () => {
    throw Object.assign(new Error('clone ENOMEM'), { code: 'ENOMEM' });
  };
  const hopeless = fleet({ workers: 1, readyTimeout: 3_000 }, short);
  await short.advance(3_000);
  expect(await hopeless.started).toMatchObject({ code: 'ERR_PREFORK_BOOT_FAILED', cause: { code: 'ENOMEM' } });
});

test('W7 a worker that comes after a shortage has all of readyTimeout to become ready, and its age begins with its process', async () => {
  const system = new FakeSystem();
  const { master, started, log } = fleet({ readyTimeout: 3_000 }, system);
  await started;
  system.behave = () => {
    if (system.now() < 2_000) throw Object.assign(new Error('socketpair EMFILE'), { code: 'EMFILE' });
    return { ready: false };
  };
  system.workers[0]?.exit(crash);
  await system.advance(2_550);
  const late = last(system);
  expect(late.pid).toBe(5_000_002);
  await system.advance(2_999);
  expect(late.signals).toEqual([]);
  await system.advance(1);
  expect(late.signals).toEqual(['SIGKILL']);
  expect(log.join('\n')).toContain('worker 0 (pid 5000002, generation 0) was killed by SIGKILL after 3000 ms');
  await master.stop();
});

test('W7 a stop while spawns are tried again gives back what their workers were to have: the memory that all share is closed', async () => {
  const system = new FakeSystem({ exclusiveAccept: true });
  system.behave = () => {
    throw Object.assign(new Error('clone EAGAIN'), { code: 'EAGAIN' });
  };
  const { master, started } = fleet({}, system);
  await system.advance(500);
  await master.stop();
  await started;
  expect(system.board).toEqual(['open', 'take 0', 'take 1', 'clear 0', 'clear 1', 'close']);
});

test('W7 a spawn failure of a replacement counts as an exit only when no other slot serves', async () => {
  const { system, started, finished, log, master } = fleet({ recoverThreshold: 2, recoverInterval: 10 });
  await started;
  system.behave = () => {
    throw Object.assign(new Error('execve ENOENT /usr/bin/node'), { code: 'ENOENT', syscall: 'execve' });
  };
  system.workers[0]?.exit(crash);
  await system.advance(60_000);
  expect(master.status().state).toBe('running');
  expect(system.spawnAttempts).toBeGreaterThan(10);
  expect(system.spawnAttempts).toBeLessThan(20);
  expect(log.filter((line) => line.includes('could not be started: execve ENOENT /usr/bin/node'))).not.toEqual([]);
  expect(log.join()).not.toContain('code unknown');
  system.workers[1]?.exit(crash);
  await system.advance(60_000);
  expect(await finished).toMatchObject({
    code: 'ERR_PREFORK_OVER_RECOVERY',
    cause: { code: 'ENOENT' },
    message: expect.stringContaining('could not be started: execve ENOENT'),
  });
});

test.each(['onChildSpawn', 'onMasterReady'] as const)(
  'C19 %s that throws anything stops the fleet with it',
  async (hook) => {
    for (const thrown of [new Error('no'), 'a string', undefined]) {
      const { system, started, finished } = fleet({
        [hook]: () => {
          throw thrown;
        },
      });
      const error = await finished;
      expect(error).toMatchObject({ code: 'ERR_PREFORK_HOOK' });
      expect((error as PreforkError).cause).toBe(thrown);
      expect(await started).toBe(error);
      expect(system.closedListeners).toBe(1);
    }
  },
);

test('C11 onChildSpawn that throws for a recovered worker stops the fleet before onChildRecover', async () => {
  const recovered: number[] = [];
  const { system, started, finished } = fleet({
    onChildSpawn: (pid) => {
      if (pid > 5_000_001) throw new Error('not this one');
    },
    onChildRecover: (_oldPid, newPid) => void recovered.push(newPid),
  });
  await started;
  system.workers[0]?.exit(crash);
  expect(await finished).toMatchObject({ code: 'ERR_PREFORK_HOOK', cause: { message: 'not this one' } });
  expect(recovered).toEqual([]);
});

test('C19 onChildExit that throws is logged and changes nothing', async () => {
  const { master, system, started, log } = fleet({
    onChildExit: () => {
      throw new Error('observer broke');
    },
  });
  await started;
  system.workers[0]?.exit(crash);
  await settle();
  expect(system.workers).toHaveLength(3);
  expect(log.some((line) => line.includes('observer broke'))).toBe(true);
  await master.stop();
});

test('W3 hooks that never settle do not hold up the stop', async () => {
  for (const hook of ['onChildSpawn', 'onMasterReady', 'onChildRecover'] as const) {
    const { master, system, started, finished } = fleet({ [hook]: () => never });
    await settle();
    // A worker that is lost before every onChildSpawn has run ends the fleet, which is no less a stop.
    if (hook !== 'onChildSpawn') system.workers[0]?.exit(crash);
    await settle();
    await master.stop();
    expect(await finished).toBeUndefined();
    await started;
  }
});

test('W3 stop during start, during backoff, before start and twice: everything settles, nothing is spawned afterwards', async () => {
  const booting = new FakeSystem();
  booting.behave = () => ({ ready: false });
  const early = fleet({}, booting);
  await settle();
  await early.master.stop();
  expect(await early.started).toMatchObject({ code: 'ABORT_ERR' });
  expect(await early.finished).toBeUndefined();

  const waiting = fleet({ recoverInterval: 10_000 });
  await waiting.started;
  waiting.system.workers[0]?.exit(crash);
  await settle();
  await Promise.all([waiting.master.stop(), waiting.master.stop()]);
  expect(await waiting.finished).toBeUndefined();
  expect(waiting.system.workers).toHaveLength(2);
  expect(waiting.system.pendingTimers).toBe(0);
});

test('a child of a commandProducer that never had its channel says so by itself: the master does not kill it before', async () => {
  for (const commandProducer of [undefined, () => undefined as never]) {
    const system = new FakeSystem();
    system.behave = () => ({ ready: false });
    const { started } = fleet({ workers: 1, ...(commandProducer && { commandProducer }) }, system);
    started.catch(() => {});
    await settle();
    system.workers[0]?.events.cut?.();
    await system.advance(5_000);
    expect(system.workers[0]?.signals).toEqual(commandProducer === undefined ? ['SIGKILL'] : []);
    system.workers[0]?.exit({ code: 1, signal: null });
    await started.catch(() => {});
  }
});

test('C22 a worker that does not finish is killed after the grace period, a second stop is quicker', async () => {
  const stubborn: Behaviour = { obedient: false };
  const slow = new FakeSystem();
  slow.behave = () => stubborn;
  const first = fleet({ workers: 1, shutdownGracePeriod: 1_000 }, slow);
  await first.started;
  void first.master.stop();
  expect(slow.workers[0]?.received.at(-1)).toMatchObject({ type: 'drain', reason: 'stop', timeout: 1_000 });
  await slow.advance(1_000);
  expect(slow.workers[0]?.signals).toEqual([]);
  await slow.advance(200);
  expect(slow.workers[0]?.signals).toEqual(['SIGKILL']);
  expect(await first.finished).toBeUndefined();

  const hastened = new FakeSystem();
  hastened.behave = () => stubborn;
  const third = fleet({ workers: 1, shutdownGracePeriod: 30_000 }, hastened);
  await third.started;
  void third.master.stop();
  void third.master.stop(2_000);
  expect(hastened.workers[0]?.received.at(-1), 'the worker ends by itself what is open then').toMatchObject({
    type: 'drain',
    reason: 'stop',
    timeout: 2_000,
  });
  expect(hastened.workers[0]?.signals).toEqual([]);
  await hastened.advance(2_200);
  expect(await third.finished).toBeUndefined();

  const twice = new FakeSystem();
  twice.behave = () => stubborn;
  const second = fleet({ workers: 1 }, twice);
  await second.started;
  twice.signal('SIGTERM');
  await twice.advance(150);
  twice.signal('SIGTERM');
  await settle();
  expect(twice.workers[0]?.signals, 'npm and timeout(1) repeat what the process group has heard already').toEqual([]);
  await twice.advance(50);
  twice.signal('SIGTERM');
  await settle();
  expect(twice.workers[0]?.signals).toEqual(['SIGKILL']);
  expect(await second.finished).toBeUndefined();
  expect([...twice.handlers.values()].every((handlers) => handlers.size === 0)).toBe(true);
});

test('a process that cannot even be killed does not hold up the stop for ever', async () => {
  const system = new FakeSystem();
  system.behave = () => ({ obedient: false, mortal: false });
  const { master, started, finished, log } = fleet({ workers: 1 }, system);
  await started;
  void master.stop(0);
  await system.advance(5_000);
  expect(await finished).toBeUndefined();
  expect(log.some((line) => line.includes('still there'))).toBe(true);
});

test('a process that cannot even be killed leaves no timer, and nobody waits for it: while it boots, is on trial, or drains', async () => {
  const boots = new FakeSystem();
  boots.behave = () => ({ ready: false, obedient: false, mortal: false });
  const first = fleet({}, boots);
  await settle();
  void first.master.stop(0);
  await boots.advance(5_000);
  expect(await first.started).toMatchObject({ code: 'ABORT_ERR' });
  expect(boots.pendingTimers).toBe(0);

  for (const readyFor of [0, 60_000]) {
    const system = new FakeSystem();
    system.behave = () => ({ obedient: false, mortal: false });
    const { master, started, finished } = fleet({ readyFor }, system);
    await started;
    void master.reload();
    await settle();
    void master.stop(0);
    await system.advance(5_000);
    expect(await finished).toBeUndefined();
    expect(system.pendingTimers).toBe(0);
  }
});

test('C24 exits during the shutdown are reported as requested and never recovered', async () => {
  const { master, system, started, story } = fleet();
  await started;
  await master.stop();
  expect(system.workers).toHaveLength(2);
  expect(story.slice(3)).toEqual(['exit 5000000 requested', 'exit 5000001 requested', 'stop']);
});

test('W1 an exit by a stop signal counts as requested when the master hears of the stop within 100 ms', async () => {
  const group = fleet();
  await group.started;
  group.system.workers[0]?.exit({ code: null, signal: 'SIGINT' });
  group.system.workers[1]?.exit({ code: 130, signal: null });
  await group.system.advance(50);
  group.system.signal('SIGINT');
  await group.system.advance(200);
  expect(await group.finished).toBeUndefined();
  expect(group.system.workers).toHaveLength(2);
  expect(group.story).toContain('exit 5000000 requested');

  const booting = new FakeSystem();
  booting.behave = () => ({ ready: false });
  const early = fleet({}, booting);
  await settle();
  for (const worker of booting.workers) worker.exit({ code: null, signal: 'SIGINT' });
  await booting.advance(20);
  booting.signal('SIGINT');
  await booting.advance(200);
  expect(await early.finished).toBeUndefined();

  const alone = fleet();
  await alone.started;
  alone.system.workers[0]?.events.message({ type: 'began-draining', signal: 'SIGTERM' });
  alone.system.workers[0]?.exit({ code: 0, signal: null });
  await alone.system.advance(99);
  expect(alone.system.workers).toHaveLength(2);
  await alone.system.advance(1);
  expect(alone.system.workers).toHaveLength(3);
  await alone.master.stop();
});

test('W6 exits outside the window do not count towards the threshold', async () => {
  const { master, system, started, story } = fleet({
    workers: 1,
    recoverThreshold: 1,
    recoverWindow: 1_000,
    recoverInterval: 0,
  });
  await started;
  for (let round = 0; round < 5; round++) {
    last(system).exit(crash);
    await system.advance(1_000);
  }
  expect(story.filter((line) => line.startsWith('recover'))).toHaveLength(5);
  await master.stop();
});

test.each(['reuseport'] as const)(
  "C20 sharing '%s' fails with its code where the kernel does not balance (unit)",
  async (sharing) => {
    const system = new FakeSystem({
      reuseport: false,
      sharding: false,
      reasons: { reuseport: 'macOS does not balance' },
    });
    expect(await fleet({ sharing }, system).started).toMatchObject({
      code: 'ERR_PREFORK_REUSEPORT_UNSUPPORTED',
      message: expect.stringContaining('macOS does not balance'),
    });
    expect(system.workers).toHaveLength(0);
  },
);

test('C3 an address that cannot be bound rejects with that very error before anything is spawned', async () => {
  const system = new FakeSystem();
  system.openError = Object.assign(new Error('bind EADDRINUSE'), { code: 'EADDRINUSE', syscall: 'bind' });
  const { started, finished } = fleet({}, system);
  expect(await started).toBe(system.openError);
  expect(await finished).toBe(system.openError);
  expect(system.workers).toHaveLength(0);
});

test('C19 onChildExit that rejects is logged and changes nothing', async () => {
  const { master, system, started, finished, log } = fleet({
    onChildExit: async () => {
      throw new Error('boom');
    },
  });
  await started;
  last(system).exit(crash);
  await settle();
  expect(log.some((line) => line.includes('onChildExit failed: Error: boom'))).toBe(true);
  expect(master.status().state).toBe('running');
  await master.stop();
  expect(await finished).toBeUndefined();
});

test('W21 every log line about a worker has its slot, pid and generation', async () => {
  const { master, system, started, log } = fleet();
  await started;
  system.workers[0]?.exit({ code: null, signal: 'SIGKILL' });
  await settle();
  await master.stop();
  const about = log.filter((line) => line.includes('worker '));
  expect(about.length).toBeGreaterThan(4);
  for (const line of about) expect(line).toMatch(/worker \d+ \(pid \d+, generation \d+\)/);
  expect(log.find((line) => line.includes('SIGKILL'))).toMatch(/OOM killer/);
});

test('a worker that drained on a signal that the master did not send is distinguished from one that ended by itself', async () => {
  const { master, system, started, log } = fleet();
  await started;
  system.workers[0]?.events.message({ type: 'began-draining', signal: 'SIGTERM' });
  system.workers[0]?.exit({ code: 0, signal: null });
  await system.advance(100);
  expect(log.find((line) => line.includes('exited with code 0'))).toContain(
    'sent by the worker itself or by another process',
  );
  await master.stop();
});

test('a worker that drains on a signal which the master has not got, too, is told so 100 ms later, unless it has its order by then', async () => {
  const { master, system, started } = fleet({ workers: 3 });
  await started;
  const [drains, ordered, other] = system.workers;
  drains?.events.message({ type: 'began-draining', signal: 'SIGTERM' });
  await system.advance(99);
  expect(drains?.received.map(({ type }) => type)).not.toContain('alone');
  await system.advance(1);
  expect(drains?.received.at(-1)).toEqual({ type: 'alone' });
  ordered?.events.message({ type: 'began-draining', signal: 'SIGTERM' });
  void master.stop();
  await system.advance(200);
  for (const one of [ordered, other]) expect(one?.received.map(({ type }) => type)).not.toContain('alone');
});

test('the master logs a hook that never settles, which cannot keep a fleet alive that has to give up', async () => {
  const { system, started, finished, log } = fleet({
    workers: 1,
    recoverThreshold: 1,
    readyTimeout: 20_000,
    onChildRecover: () => never,
  });
  await started;
  system.workers[0]?.exit(crash);
  await settle();
  last(system).exit(crash);
  await system.advance(10_000);
  expect(log.some((line) => line.includes('onChildRecover has not settled'))).toBe(true);
  await system.advance(10_000);
  expect(await finished).toMatchObject({ code: 'ERR_PREFORK_OVER_RECOVERY' });
  expect(system.pendingTimers).toBe(0);
});
