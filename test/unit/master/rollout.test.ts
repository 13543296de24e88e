import { expect, test } from 'vitest';
import { crash, fleet, last } from '../../helpers/fake-fleet.js';
import { FakeSystem, settle } from '../../helpers/fake-system.js';

const slots = (master: { workers: readonly { slot: number; generation: number; state: string }[] }) =>
  master.workers.filter(({ state }) => state === 'ready').map(({ slot, generation }) => [slot, generation]);

test('the first maxSurge slots keep their worker until the new one has stayed; the others change hands at once; the last is waited for', async () => {
  const { master, system, started } = fleet({ workers: 4, maxSurge: 2, readyFor: 1_000 });
  await started;
  let verdict: unknown;
  void master.reload().then((result) => {
    verdict = result;
  });
  await system.advance(1_249);
  expect(system.workers).toHaveLength(6);
  expect(system.workers[0]?.received.map(({ type }) => type)).toEqual(['init']);
  await system.advance(1);
  expect(slots(master)).toEqual([0, 1, 2, 3].map((slot) => [slot, 1]));
  await system.advance(999);
  expect(verdict).toBeUndefined();
  await system.advance(1);
  expect(verdict).toMatchObject({ ok: true, generation: 1, replaced: { length: 4 } });
  await master.stop();
  expect(system.pendingTimers).toBe(0);
});

test('one of several on trial dies: the others are sent away, every old worker goes on, and nothing is counted', async () => {
  const { master, system, started } = fleet({ workers: 4, maxSurge: 3, recoverThreshold: 0 });
  await started;
  const reloading = master.reload();
  await system.advance(500);
  system.workers[5]?.exit(crash);
  expect(await reloading).toMatchObject({
    ok: false,
    replaced: [],
    error: { message: expect.stringMatching(/5000005.* exited with code 1 500 ms after it was ready/) },
  });
  await settle();
  expect(slots(master)).toEqual([0, 1, 2, 3].map((slot) => [slot, 0]));
  expect(master.workers).toHaveLength(4);
  await system.advance(60_000);
  expect(system.workers).toHaveLength(7);
  await master.stop();
});

test('N1k slots that took over go back when one of their generation dies, unless their worker has stayed', async () => {
  const { master, system, started } = fleet({ workers: 4, readyFor: 1_000 });
  await started;
  const reloading = master.reload();
  await system.advance(1_250);
  // Slot 0 has stayed; the others have just taken over.
  await system.advance(10);
  expect(slots(master)).toEqual([0, 1, 2, 3].map((slot) => [slot, 1]));
  const [, , dies] = system.workers.slice(4);
  dies?.exit(crash);
  await settle();
  const verdict = await reloading;
  expect(verdict).toMatchObject({ ok: false, generation: 0, replaced: [{ slot: 0 }] });
  expect(slots(master)).toEqual([
    [0, 1],
    [1, 0],
    [2, 0],
    [3, 0],
  ]);
  // What is lost later is not filled by a generation that failed either.
  system.workers[4]?.exit(crash);
  await settle();
  expect(slots(master)[0]).toEqual([0, 0]);
  expect(await settleReload(master, system)).toMatchObject({ ok: true, generation: 1 });
  await master.stop();
});

async function settleReload(master: { reload(): Promise<unknown> }, system: FakeSystem): Promise<unknown> {
  const reloading = master.reload();
  await system.advance(10_000);
  return reloading;
}

test('a boot failure of a later slot leaves those that took over where they are', async () => {
  const { master, system, started } = fleet({ workers: 3, readyFor: 100 });
  await started;
  system.behave = (index) => ({ ready: index !== 5 });
  const reloading = master.reload();
  await system.advance(350);
  last(system).exit(crash);
  expect(await reloading).toMatchObject({ ok: false, replaced: [{ slot: 0 }, { slot: 1 }] });
  expect(slots(master)).toEqual([
    [0, 1],
    [1, 1],
    [2, 0],
  ]);
  await master.stop();
});

test('an old worker that dies during the trial leaves the slot to the one on trial; if that dies, too, the slot is recovered', async () => {
  const { master, system, started } = fleet({ workers: 1 });
  await started;
  const good = master.reload();
  await system.advance(100);
  system.workers[0]?.exit(crash);
  await system.advance(2_500);
  expect(await good).toMatchObject({ ok: true, replaced: [{ slot: 0, oldPid: 0 }] });
  expect(system.workers).toHaveLength(2);
  const bad = master.reload();
  await system.advance(100);
  system.workers[1]?.exit(crash);
  await system.advance(100);
  system.workers[2]?.exit(crash);
  await system.advance(1_000);
  expect(await bad).toMatchObject({ ok: false, generation: 1 });
  expect(slots(master)).toEqual([[0, 1]]);
  await master.stop();
});

test('a stop during a trial wins', async () => {
  const { master, system, started, finished } = fleet();
  await started;
  const cut = master.reload();
  await system.advance(100);
  await master.stop();
  expect(await cut).toMatchObject({ ok: false, replaced: [], error: { code: 'ABORT_ERR' } });
  expect(await finished).toBeUndefined();
  expect(system.pendingTimers).toBe(0);
});

test('N2f a recovery that finds a candidate in its slot, and a candidate that fails, leave no worker without a duty', async () => {
  for (const workers of [1, 2]) {
    const { master, system, started } = fleet({ workers, recoverInterval: 1_000, recoverThreshold: 100 });
    await started;
    system.workers[0]?.exit(crash);
    await system.advance(300);
    system.behave = () => ({ ready: false });
    const reloading = master.reload();
    await system.advance(1_500);
    system.behave = () => ({});
    last(system).exit(crash);
    expect(await reloading).toMatchObject({ ok: false });
    await system.advance(1_000);
    expect(slots(master).map(([slot]) => slot)).toEqual(Array.from({ length: workers }, (_, slot) => slot));
    await master.stop();
  }
});

/** A small generator of random numbers (mulberry32): a run that fails can be repeated by its seed. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

test.each(Array.from({ length: 60 }, (_, seed) => ({ seed })))(
  'N2g whatever exits, fails to start, is reloaded, recycled or scaled, in the end every slot is served (seed $seed)',
  async ({ seed }) => {
    const next = random(seed);
    const pick = (below: number) => Math.floor(next() * below);
    const system = new FakeSystem();
    const { master, started } = fleet(
      {
        workers: 1 + pick(3),
        maxSurge: 1 + pick(2),
        readyFor: [0, 200][pick(2)] as number,
        readyTimeout: 2_000,
        recoverThreshold: Number.POSITIVE_INFINITY,
        recoverInterval: [0, 500, 1_000][pick(3)] as number,
        drainTimeout: 1_000,
        recycle: { maxAge: 1_500 },
      },
      system,
    );
    await started;
    system.behave = () => {
      const fate = next();
      if (fate < 0.15) throw Object.assign(new Error('execve ENOENT'), { code: 'ENOENT', syscall: 'execve' });
      if (fate < 0.2) throw Object.assign(new Error('pipe2 EMFILE'), { code: 'EMFILE', syscall: 'pipe2' });
      return { ready: fate < 0.7, obedient: next() < 0.8 };
    };
    for (let step = 0; step < 60; step++) {
      const alive = system.workers.at(-1 - pick(4));
      const what = next();
      if (what < 0.3) alive?.exit(crash);
      else if (what < 0.35) alive?.exit({ code: null, signal: 'SIGHUP' });
      else if (what < 0.4 && alive !== undefined) {
        alive.events.message({ type: 'began-draining', signal: 'SIGTERM' });
        system.after(pick(1_000), () => alive.exit({ code: 0, signal: null }));
      } else if (what < 0.5) void master.reload();
      else if (what < 0.6) master.scale(() => 1 + pick(4)).catch(() => {});
      else if (what < 0.65) system.signal('SIGHUP');
      else if (what < 0.75) alive?.becomeReady();
      await system.advance(pick(400));
    }
    system.behave = () => ({});
    await system.advance(60_000);
    await system.advance(60_000);
    let count = 0;
    void master.scale((now) => {
      count = now;
      return now;
    });
    await system.advance(5_000);
    // Recycling goes on: one slot may have a worker on trial besides its own.
    const served = new Set(slots(master).map(([slot]) => slot));
    expect([...served].sort()).toEqual(Array.from({ length: count }, (_, slot) => slot));
    expect(master.status().state).toBe('running');
    await master.stop(0);
    await system.advance(10_000);
  },
);
