import { expect, test } from 'vitest';
import {
  asHeard,
  eventually,
  type FixtureEvent,
  httpGet,
  KILLED,
  type Master,
  patience,
  processInfo,
  sendSignal,
  target,
  testOn,
} from '../../helpers/index.js';
import { stopAtOnce } from '../../helpers/second-signal.js';
import { overAndClean, type Run, spawned, startWatched } from '../../helpers/whole-run.js';

const GRACE = 700;
const LIMIT = patience(GRACE + 1_000);
/** The way in which a process crashes itself, where there is such a thing. */
const CRASH = target.lacks.signals === undefined ? 'SIGABRT' : 'SIGKILL';

/** A request whose failure is expected: the worker is killed, or cuts it. */
function doomed(port: number, path: string): Promise<unknown> {
  return httpGet({ port, path, within: 20_000 }).catch((error: unknown) => error);
}

/** Sends SIGTERM to the master; returns how long everything took until its promise settled, in milliseconds. */
async function stopTime(master: Master): Promise<Run & { readonly took: number }> {
  const asked = Number(process.hrtime.bigint()) / 1e6;
  master.kill('SIGTERM');
  const run = await overAndClean(master);
  return { ...run, took: run.settled.at - asked };
}

/** Of the fastest of three at the most, the others being those that got no CPU: a fleet of `hold`, from the signal to its end. */
async function fastestStop(within: number, hold: () => Promise<Master>): Promise<Awaited<ReturnType<typeof stopTime>>> {
  for (let left = 2; ; left--) {
    const run = await stopTime(await hold());
    if (run.took < within || left === 0) return run;
  }
}

function exits(master: Master): readonly FixtureEvent[] {
  return master.events('onChildExit');
}

test('C22 a stop by SIGTERM resolves, ends the master with code 0, and waits no longer than the workers need', async () => {
  const master = startWatched({ options: { shutdownGracePeriod: 20_000 } });
  await master.event('onMasterReady');
  const { settled, exit, took } = await stopTime(master);
  expect(settled).toMatchObject({ ok: true });
  expect(exit).toEqual({ code: 0, signal: null });
  expect(took).toBeLessThan(10_000);
  for (const { exit } of exits(master)) expect(exit).toEqual({ code: 0, signal: null, requested: true });
});

test('C22 a worker that drains sooner than the others ends the wait as soon as the last one is done', async () => {
  const master = startWatched({ options: { shutdownGracePeriod: 20_000 } });
  const { addresses } = await master.event('onMasterReady');
  const answer = httpGet({ port: addresses[0].port, path: '/slow?ms=600' });
  await master.event('request');
  const { exit, took } = await stopTime(master);
  expect((await answer).status).toBe(200);
  expect(exit).toEqual({ code: 0, signal: null });
  expect(took).toBeLessThan(10_000);
});

interface Stubborn {
  readonly what: string;
  readonly hold: (master: Master, port: number) => Promise<void>;
}

const stubborn: readonly Stubborn[] = [
  {
    what: 'never answers a request',
    async hold(master, port) {
      void doomed(port, '/hang');
      await master.event('request');
    },
  },
  {
    what: 'blocks its event loop',
    async hold(master, port) {
      void doomed(port, '/block');
      await master.event('request');
    },
  },
  {
    what: 'is frozen by SIGSTOP',
    async hold(master) {
      const [pid] = spawned(master) as [number];
      sendSignal(pid, 'SIGSTOP');
      await eventually(() => processInfo(pid)?.state === 'T', { what: 'the worker is frozen' });
    },
  },
];

test.each(stubborn.map(({ what, hold }) => [what, hold] as const))(
  'C22 a worker that %s is gone one second after the grace period at the latest',
  async (_what, hold) => {
    const { master, settled, exit, took } = await fastestStop(LIMIT, async () => {
      const held = startWatched({ options: { shutdownGracePeriod: GRACE } });
      const { addresses } = await held.event('onMasterReady');
      await hold(held, addresses[0].port);
      return held;
    });
    expect(settled).toMatchObject({ ok: true });
    expect(exit).toEqual({ code: 0, signal: null });
    expect(took).toBeGreaterThanOrEqual(GRACE - 1);
    expect(took).toBeLessThan(LIMIT);
    expect(exits(master)).toHaveLength(2);
    for (const { exit } of exits(master)) expect(exit.requested).toBe(true);
  },
);

testOn('posixProcesses')(
  'C22 a program that ignores SIGTERM and speaks no channel is killed after the grace period',
  async () => {
    // signal(7): an ignored signal stays ignored over execve(2).
    const args = ['-c', 'trap "" TERM; echo trapped; exec sleep 300'];
    const options = { exec: '/bin/sh', args, readiness: 'spawn', shutdownGracePeriod: GRACE, workers: 1 } as const;
    const { master, exit, took } = await fastestStop(LIMIT, async () => {
      const held = startWatched({ options });
      await held.event('onMasterReady');
      await eventually(() => held.stdout.includes('trapped'), { what: 'the trap is set' });
      return held;
    });
    expect(exit).toEqual({ code: 0, signal: null });
    expect(took).toBeGreaterThanOrEqual(GRACE - 1);
    expect(took).toBeLessThan(LIMIT);
    expect(exits(master).map(({ exit }) => exit)).toEqual([{ code: null, signal: 'SIGKILL', requested: true }]);
  },
);

test.each(['SIGINT', 'SIGTERM'] as const)('C22 %s after SIGTERM stops at once', async (second) => {
  const master = startWatched({ options: { shutdownGracePeriod: 20_000 } });
  const { addresses } = await master.event('onMasterReady');
  void doomed(addresses[0].port, '/hang');
  await master.event('request');
  master.kill('SIGTERM');
  await master.logged(`${asHeard('SIGTERM')}: stopping; a second signal stops at once`);
  // The master takes any stop signal within 200 ms for an echo of the first.
  const heard = performance.now();
  await eventually(() => performance.now() - heard > 250);
  const asked = Number(process.hrtime.bigint()) / 1e6;
  await stopAtOnce(master, second);
  const { settled, exit } = await overAndClean(master);
  expect(settled).toMatchObject({ ok: true });
  expect(exit).toEqual({ code: 0, signal: null });
  expect(settled.at - asked).toBeLessThan(10_000);
});

test('C24 a worker that is killed, crashes or ends while the fleet stops is not recovered', async () => {
  const master = startWatched({ options: { workers: 4, shutdownGracePeriod: 10_000, recoverThreshold: 0 } });
  const { addresses, pids } = await master.event('onMasterReady');
  // One worker is kept busy, so that the stop lasts until the others have gone wrong.
  const answer = doomed(addresses[0].port, '/hang');
  const { pid: busy } = await master.event('request');
  const [frozen, ...others] = (pids as number[]).filter((pid) => pid !== busy) as [number, number, number];
  sendSignal(frozen, 'SIGSTOP');
  master.kill('SIGTERM');
  await master.event('draining', { where: ({ pid }) => pid === busy });
  for (const pid of others) await master.event('onChildExit', { where: ({ worker }) => worker.pid === pid });
  sendSignal(frozen, 'SIGKILL');
  await master.event('onChildExit', { where: ({ worker }) => worker.pid === frozen });
  sendSignal(busy, CRASH);
  const { settled, exit } = await overAndClean(master);
  expect(await answer).toBeInstanceOf(Error);
  expect(settled).toMatchObject({ ok: true });
  expect(exit).toEqual({ code: 0, signal: null });
  expect(spawned(master)).toHaveLength(4);
  expect(master.events('onChildRecover')).toEqual([]);
  const signals = exits(master).map(({ worker, exit }) => [worker.pid, exit.signal, exit.requested]);
  expect(signals).toContainEqual([frozen, KILLED.signal, true]);
  expect(signals).toContainEqual([busy, target.lacks.signals === undefined ? CRASH : KILLED.signal, true]);
});
