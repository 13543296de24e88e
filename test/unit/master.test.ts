import { expect, test } from 'vitest';
import type { WorkerExit } from '../../lib/errors.js';
import { PreforkError } from '../../lib/errors.js';
import { crash, fleet, last } from '../helpers/fake-fleet.js';
import { type Behaviour, FakeHost, settle } from '../helpers/fake-host.js';

const never = new Promise<void>(() => {});

test('start spawns every slot in parallel and resolves when all are ready', async () => {
  const host = new FakeHost();
  host.behave = () => ({ ready: false });
  const { master, started, story } = fleet({ workers: 3 }, host);
  await settle();
  expect(host.workers).toHaveLength(3);
  expect(master.status().state).toBe('starting');
  for (const worker of host.workers) worker.becomeReady();
  expect(await started).toBeUndefined();
  expect(story).toEqual(['spawn 2000', 'spawn 2001', 'spawn 2002', 'ready 2000 2001 2002']);
  expect(master.status()).toMatchObject({ state: 'running', recoveries: 0, generation: 0, pid: 1_000 });
  expect(master.workers.map(({ slot, pid, state }) => [slot, pid, state])).toEqual([
    [0, 2_000, 'ready'],
    [1, 2_001, 'ready'],
    [2, 2_002, 'ready'],
  ]);
  await master.stop();
});

test('a worker that exits is recovered in its slot, at once the first time', async () => {
  const { master, host, started, story } = fleet();
  await started;
  host.workers[1]?.exit(crash);
  await settle();
  expect(story.slice(3)).toEqual(['exit 2001', 'spawn 2002', 'recover 2001 2002']);
  expect(master.workers.map(({ slot, pid }) => [slot, pid])).toEqual([
    [0, 2_000],
    [1, 2_002],
  ]);
  expect(master.status().recoveries).toBe(1);
  await master.stop();
});

test('C8 an allowed recovery, its delay and its hooks come to their end before the fleet gives up', async () => {
  const order: string[] = [];
  const { host, started, finished } = fleet({
    recoverThreshold: 1,
    recoverInterval: 50,
    onChildSpawn: (pid) => void order.push(`spawn ${pid}`),
    onMasterReady: (pids) => void order.push(`ready ${pids.length}`),
    onChildRecover: (oldPid, newPid) => void order.push(`recover ${oldPid} ${newPid}`),
  });
  await started;
  host.workers[0]?.exit(crash);
  host.workers[1]?.exit(crash);
  await host.advance(49);
  expect(host.workers).toHaveLength(2);
  await host.advance(1);
  expect(await finished).toMatchObject({ code: 'ERR_PREFORK_OVER_RECOVERY', exits: [{ pid: 2_000 }, { pid: 2_001 }] });
  expect(order).toEqual(['spawn 2000', 'spawn 2001', 'ready 2', 'spawn 2002', 'recover 2000 2002']);
});

test('N1j a worker that is ready and exits while others still boot is a boot failure: no hook and no event ever hears of its pid', async () => {
  const host = new FakeHost();
  host.behave = (index) => ({ ready: index !== 1 });
  const ready: number[][] = [];
  const { started, finished, story } = fleet({ onMasterReady: (pids) => void ready.push(pids) }, host);
  await settle();
  host.workers[0]?.exit(crash);
  await settle();
  host.workers[1]?.becomeReady();
  expect(await started).toMatchObject({ code: 'ERR_PREFORK_BOOT_FAILED', exits: [{ pid: 2_000 }] });
  expect(await finished).toBe(await started);
  expect(ready).toEqual([]);
  expect(story).not.toContain('ready 2000 2001');
});

test('recoveries of different slots run in parallel', async () => {
  const { master, host, started } = fleet({ recoverInterval: 1_000 });
  await started;
  host.workers[0]?.exit(crash);
  await host.advance(10);
  host.workers[1]?.exit(crash);
  await host.advance(995);
  expect(host.workers).toHaveLength(3);
  await host.advance(10);
  expect(host.workers).toHaveLength(4);
  await master.stop();
});

test('the delay grows for a slot that keeps failing, and a boot failure after the start never touches its siblings', async () => {
  const { master, host, started } = fleet({
    recoverInterval: { initial: 100, factor: 2, jitter: 0 },
    recoverThreshold: Number.POSITIVE_INFINITY,
  });
  await started;
  host.behave = () => ({ ready: false });
  host.workers[0]?.exit(crash);
  await settle();
  for (const delay of [100, 200, 400]) {
    const before = host.workers.length;
    last(host).exit(crash);
    await host.advance(delay - 1);
    expect(host.workers).toHaveLength(before);
    await host.advance(1);
    expect(host.workers).toHaveLength(before + 1);
  }
  expect(host.workers[1]?.received.map(({ type }) => type)).toEqual(['init']);
  await master.stop();
});

test('a boot failure during the start takes the fleet down with the evidence', async () => {
  const host = new FakeHost();
  host.behave = (index) => ({ ready: index === 0 });
  const { started, finished, log } = fleet({}, host);
  await settle();
  host.workers[1]?.events.message({ type: 'stderr', text: 'about to fail\n' });
  host.workers[1]?.events.message({
    type: 'boot-error',
    error: { name: 'Error', message: 'no database', code: 'EDB' },
  });
  host.workers[1]?.exit(crash);
  const error = (await started) as PreforkError;
  expect(error).toBeInstanceOf(PreforkError);
  expect(error).toMatchObject({ code: 'ERR_PREFORK_BOOT_FAILED', cause: { message: 'no database', code: 'EDB' } });
  const exit: WorkerExit = {
    pid: 2_001,
    slot: 1,
    generation: 0,
    code: 1,
    signal: null,
    uptime: 0,
    stderr: 'about to fail',
  };
  expect(error.exits).toEqual([exit]);
  expect(await finished).toBe(error);
  expect(host.closedListeners).toBe(1);
  expect(host.pendingTimers).toBe(0);
  expect(log.some((line) => line.includes('worker 1 (pid 2001, generation 0)'))).toBe(true);
});

test('a worker that is not ready in time is killed and is a boot failure', async () => {
  const host = new FakeHost();
  host.behave = () => ({ ready: false });
  const { started } = fleet({ workers: 1, readyTimeout: 2_000 }, host);
  await host.advance(1_999);
  expect(host.workers[0]?.signals).toEqual([]);
  await host.advance(1);
  expect(host.workers[0]?.signals).toEqual(['SIGKILL']);
  expect(await started).toMatchObject({
    code: 'ERR_PREFORK_BOOT_FAILED',
    message: expect.stringContaining('was not ready within 2000 ms'),
  });
});

test("readiness 'spawn' counts a process as ready once it exists and stops it with SIGTERM", async () => {
  const host = new FakeHost();
  host.behave = () => ({ ready: false });
  const { master, started } = fleet({ workers: 1, readiness: 'spawn', exec: 'python3' }, host);
  expect(await started).toBeUndefined();
  await master.stop();
  expect(host.workers[0]?.signals).toEqual(['SIGTERM']);
});

test('W7 a spawn that fails for lack of resources is tried again until readyTimeout, other errors are boot failures', async () => {
  const host = new FakeHost();
  host.behave = (index) => {
    if (index < 3) throw Object.assign(new Error('clone EAGAIN'), { code: 'EAGAIN' });
    return {};
  };
  const { master, started } = fleet({ workers: 1 }, host);
  await host.advance(1_000);
  expect(await started).toBeUndefined();
  await master.stop();

  const missing = new FakeHost();
  missing.behave = () => {
    throw Object.assign(new Error('execve ENOENT'), { code: 'ENOENT' });
  };
  expect(await fleet({}, missing).started).toMatchObject({
    code: 'ERR_PREFORK_BOOT_FAILED',
    cause: { code: 'ENOENT' },
  });

  const short = new FakeHost();
  short.behave = () => {
    throw Object.assign(new Error('clone ENOMEM'), { code: 'ENOMEM' });
  };
  const hopeless = fleet({ workers: 1, readyTimeout: 3_000 }, short);
  await short.advance(3_000);
  expect(await hopeless.started).toMatchObject({ code: 'ERR_PREFORK_BOOT_FAILED', cause: { code: 'ENOMEM' } });
});

test('W7 a spawn failure of a replacement counts as an exit only when no other slot serves', async () => {
  const { host, started, finished, log, master } = fleet({ recoverThreshold: 2, recoverInterval: 10 });
  await started;
  host.behave = () => {
    throw Object.assign(new Error('execve ENOENT /usr/bin/node'), { code: 'ENOENT', syscall: 'execve' });
  };
  host.workers[0]?.exit(crash);
  await host.advance(60_000);
  expect(master.status().state).toBe('running');
  expect(host.spawnAttempts).toBeGreaterThan(10);
  expect(host.spawnAttempts).toBeLessThan(20);
  expect(log.filter((line) => line.includes('could not be started: execve ENOENT /usr/bin/node'))).not.toEqual([]);
  expect(log.join()).not.toContain('code unknown');
  host.workers[1]?.exit(crash);
  await host.advance(60_000);
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
      const { host, started, finished } = fleet({
        [hook]: () => {
          throw thrown;
        },
      });
      const error = await finished;
      expect(error).toMatchObject({ code: 'ERR_PREFORK_HOOK' });
      expect((error as PreforkError).cause).toBe(thrown);
      expect(await started).toBe(error);
      expect(host.closedListeners).toBe(1);
    }
  },
);

test('C11 onChildSpawn that throws for a recovered worker stops the fleet before onChildRecover', async () => {
  const recovered: number[] = [];
  const { host, started, finished } = fleet({
    onChildSpawn: (pid) => {
      if (pid > 2_001) throw new Error('not this one');
    },
    onChildRecover: (_oldPid, newPid) => void recovered.push(newPid),
  });
  await started;
  host.workers[0]?.exit(crash);
  expect(await finished).toMatchObject({ code: 'ERR_PREFORK_HOOK', cause: { message: 'not this one' } });
  expect(recovered).toEqual([]);
});

test('C19 onChildExit that throws is logged and changes nothing', async () => {
  const { master, host, started, log } = fleet({
    onChildExit: () => {
      throw new Error('observer broke');
    },
  });
  await started;
  host.workers[0]?.exit(crash);
  await settle();
  expect(host.workers).toHaveLength(3);
  expect(log.some((line) => line.includes('observer broke'))).toBe(true);
  await master.stop();
});

test('W3 hooks that never settle do not hold up the stop', async () => {
  for (const hook of ['onChildSpawn', 'onMasterReady', 'onChildRecover'] as const) {
    const { master, host, started, finished } = fleet({ [hook]: () => never });
    await settle();
    // A worker that is lost before every onChildSpawn has run ends the fleet, which is no less a stop.
    if (hook !== 'onChildSpawn') host.workers[0]?.exit(crash);
    await settle();
    await master.stop();
    expect(await finished).toBeUndefined();
    await started;
  }
});

test('W3 stop during start, during backoff, before start and twice: everything settles, nothing is spawned afterwards', async () => {
  const booting = new FakeHost();
  booting.behave = () => ({ ready: false });
  const early = fleet({}, booting);
  await settle();
  await early.master.stop();
  expect(await early.started).toMatchObject({ code: 'ABORT_ERR' });
  expect(await early.finished).toBeUndefined();

  const waiting = fleet({ recoverInterval: 10_000 });
  await waiting.started;
  waiting.host.workers[0]?.exit(crash);
  await settle();
  await Promise.all([waiting.master.stop(), waiting.master.stop()]);
  expect(await waiting.finished).toBeUndefined();
  expect(waiting.host.workers).toHaveLength(2);
  expect(waiting.host.pendingTimers).toBe(0);
});

test('C22 a worker that does not finish is killed after the grace period, a second stop is quicker', async () => {
  const stubborn: Behaviour = { obedient: false };
  const slow = new FakeHost();
  slow.behave = () => stubborn;
  const first = fleet({ workers: 1, shutdownGracePeriod: 1_000 }, slow);
  await first.started;
  void first.master.stop();
  expect(slow.workers[0]?.received.at(-1)).toEqual({ type: 'drain', reason: 'stop', timeout: 1_000 });
  await slow.advance(1_000);
  expect(slow.workers[0]?.signals).toEqual([]);
  await slow.advance(200);
  expect(slow.workers[0]?.signals).toEqual(['SIGKILL']);
  expect(await first.finished).toBeUndefined();

  const twice = new FakeHost();
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
  const host = new FakeHost();
  host.behave = () => ({ obedient: false, mortal: false });
  const { master, started, finished, log } = fleet({ workers: 1 }, host);
  await started;
  void master.stop(0);
  await host.advance(5_000);
  expect(await finished).toBeUndefined();
  expect(log.some((line) => line.includes('still there'))).toBe(true);
});

test('C24 exits during the shutdown are reported as requested and never recovered', async () => {
  const { master, host, started, story } = fleet();
  await started;
  await master.stop();
  expect(host.workers).toHaveLength(2);
  expect(story.slice(3)).toEqual(['exit 2000 requested', 'exit 2001 requested', 'stop']);
});

test('W1 an exit by a stop signal counts as requested when the master hears of the stop within 100 ms', async () => {
  const group = fleet();
  await group.started;
  group.host.workers[0]?.exit({ code: null, signal: 'SIGINT' });
  group.host.workers[1]?.exit({ code: 130, signal: null });
  await group.host.advance(50);
  group.host.signal('SIGINT');
  await group.host.advance(200);
  expect(await group.finished).toBeUndefined();
  expect(group.host.workers).toHaveLength(2);
  expect(group.story).toContain('exit 2000 requested');

  const booting = new FakeHost();
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
  alone.host.workers[0]?.events.message({ type: 'draining', signal: 'SIGTERM' });
  alone.host.workers[0]?.exit({ code: 0, signal: null });
  await alone.host.advance(99);
  expect(alone.host.workers).toHaveLength(2);
  await alone.host.advance(1);
  expect(alone.host.workers).toHaveLength(3);
  await alone.master.stop();
});

test('W6 exits outside the window do not count towards the threshold', async () => {
  const { master, host, started, story } = fleet({
    workers: 1,
    recoverThreshold: 1,
    recoverWindow: 1_000,
    recoverInterval: 0,
  });
  await started;
  for (let round = 0; round < 5; round++) {
    last(host).exit(crash);
    await host.advance(1_000);
  }
  expect(story.filter((line) => line.startsWith('recover'))).toHaveLength(5);
  await master.stop();
});

test.each(['reuseport'] as const)(
  "C20 sharing '%s' fails with its code where the kernel does not balance (unit)",
  async (sharing) => {
    const host = new FakeHost({ reuseport: false, sharding: false, reasons: { reuseport: 'macOS does not balance' } });
    expect(await fleet({ sharing }, host).started).toMatchObject({
      code: 'ERR_PREFORK_REUSEPORT_UNSUPPORTED',
      message: expect.stringContaining('macOS does not balance'),
    });
    expect(host.workers).toHaveLength(0);
  },
);

test('C3 an address that cannot be bound rejects with that very error before anything is spawned', async () => {
  const host = new FakeHost();
  host.openError = Object.assign(new Error('bind EADDRINUSE'), { code: 'EADDRINUSE', syscall: 'bind' });
  const { started, finished } = fleet({}, host);
  expect(await started).toBe(host.openError);
  expect(await finished).toBe(host.openError);
  expect(host.workers).toHaveLength(0);
});

test('C19 onChildExit that rejects is logged and changes nothing', async () => {
  const { master, host, started, finished, log } = fleet({
    onChildExit: async () => {
      throw new Error('boom');
    },
  });
  await started;
  last(host).exit(crash);
  await settle();
  expect(log.some((line) => line.includes('onChildExit failed: Error: boom'))).toBe(true);
  expect(master.status().state).toBe('running');
  await master.stop();
  expect(await finished).toBeUndefined();
});

test('SIGHUP stops a master with a controlling terminal and does not stop one without', async () => {
  const daemon = fleet();
  await daemon.started;
  daemon.host.signal('SIGHUP');
  await daemon.host.advance(10_000);
  expect(daemon.master.status().state).toBe('running');
  await daemon.master.stop();

  const terminal = new FakeHost();
  terminal.terminal = true;
  const interactive = fleet({}, terminal);
  await interactive.started;
  terminal.signal('SIGHUP');
  await terminal.advance(200);
  expect(await interactive.finished).toBeUndefined();
});

test('W21 every log line about a worker has its slot, pid and generation', async () => {
  const { master, host, started, log } = fleet();
  await started;
  host.workers[0]?.exit({ code: null, signal: 'SIGKILL' });
  await settle();
  await master.stop();
  const about = log.filter((line) => line.includes('worker '));
  expect(about.length).toBeGreaterThan(4);
  for (const line of about) expect(line).toMatch(/worker \d+ \(pid \d+, generation \d+\)/);
  expect(log.find((line) => line.includes('SIGKILL'))).toMatch(/OOM killer/);
});

test('the status of a stopped fleet says so and asks no closed listener for its queue', async () => {
  const { master, host, started } = fleet();
  await started;
  expect(master.status().queues).toEqual([{ name: '0', depth: 0, limit: 4_096 }]);
  await master.stop();
  host.queueDepth = () => {
    throw new Error('asked a closed descriptor');
  };
  expect(master.status()).toMatchObject({ state: 'stopped', workers: [], queues: [], addresses: [{ port: 8_080 }] });
});

test('any signals to stop within 200 ms of the first are one wish, a later one stops at once', async () => {
  const host = new FakeHost();
  host.behave = () => ({ obedient: false });
  const { started, finished, log } = fleet({ workers: 1 }, host);
  await started;
  host.signal('SIGTERM');
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGINT'] as const) {
    await host.advance(60);
    host.signal(signal);
  }
  await settle();
  expect(host.workers[0]?.signals).toEqual([]);
  expect(log.filter((line) => line.includes('stopping at once'))).toEqual([]);
  await host.advance(20);
  host.signal('SIGINT');
  await settle();
  expect(host.workers[0]?.signals).toEqual(['SIGKILL']);
  expect(await finished).toBeUndefined();
});

test('a worker that drained on a signal that the master did not send is told apart from one that ended by itself', async () => {
  const { master, host, started, log } = fleet();
  await started;
  host.workers[0]?.events.message({ type: 'draining', signal: 'SIGTERM' });
  host.workers[0]?.exit({ code: 0, signal: null });
  await host.advance(100);
  expect(log.find((line) => line.includes('exited with code 0'))).toContain(
    'sent by the worker itself or by another process',
  );
  await master.stop();
});

test('a stop that is over before the echo of its signal may have come keeps the handlers, and settles after that', async () => {
  const { host, started, finished } = fleet();
  await started;
  host.signal('SIGTERM');
  await host.advance(199);
  expect(host.closedListeners).toBe(1);
  expect(host.handlers.get('SIGTERM')?.size).toBe(1);
  await host.advance(1);
  expect(await finished).toBeUndefined();
  expect(host.handlers.get('SIGTERM')?.size).toBe(0);
});

test('a hook that never settles is told of, and cannot keep a fleet alive that has to give up', async () => {
  const { host, started, finished, log } = fleet({
    workers: 1,
    recoverThreshold: 1,
    readyTimeout: 20_000,
    onChildRecover: () => never,
  });
  await started;
  host.workers[0]?.exit(crash);
  await settle();
  last(host).exit(crash);
  await host.advance(10_000);
  expect(log.some((line) => line.includes('onChildRecover has not settled'))).toBe(true);
  await host.advance(10_000);
  expect(await finished).toMatchObject({ code: 'ERR_PREFORK_OVER_RECOVERY' });
  expect(host.pendingTimers).toBe(0);
});
