import { expect, test } from 'vitest';
import { hastyFleet as fleet } from '../../../helpers/fake-fleet.js';
import { FakeSystem } from '../../../helpers/fake-system.js';

/** Two workers at a time, none of which leaves when it is asked to. */
async function started(options: object = {}) {
  const system = new FakeSystem();
  system.behave = () => ({ obedient: false });
  const one = fleet({ drainTimeout: 30_000, ...options }, system);
  await one.started;
  const reload = async (): Promise<void> => void expect(await one.master.reload()).toMatchObject({ ok: true });
  const lines = (word: string) =>
    one.log.filter((line) => line.includes(word)).map((line) => line.replace(/^.*? master \d+: /, ''));
  const drains = (worker: number) =>
    system.workers[worker]?.received.flatMap((message) => (message.type === 'drain' ? [message.timeout] : []));
  const end = async (): Promise<void> => {
    const stopped = one.master.stop(0);
    await system.advance(0);
    await stopped;
    expect(system.pendingTimers).toBe(0);
  };
  return { ...one, reload, lines, drains, end };
}

test('N11k a reload beside as many long drains as there are workers warns, with their number, and every further one does', async () => {
  const { system, reload, lines, end } = await started();
  await reload();
  await system.advance(2_000);
  expect(lines('drain beside')).toEqual([]);
  await reload();
  expect(lines('drain beside')).toEqual([
    expect.stringMatching(
      /^4 workers .* beside the 2 that serve, 2 of them for more than a second, the oldest for 2 s/,
    ),
  ]);
  await system.advance(2_000);
  await reload();
  expect(lines('drain beside')).toHaveLength(2);
  expect(lines('drain beside')[1]).toMatch(/^6 workers .* 4 of them .* for 4 s/);
  await end();
});

test('N11k workers that leave are no reason to warn, however quickly the reloads follow each other', async () => {
  const { system, reload, lines, end } = await started();
  system.behave = () => ({});
  for (const worker of system.workers) Object.assign(worker, { behaviour: {} });
  for (let i = 0; i < 20; i++) await reload();
  expect(lines('drain beside')).toEqual([]);
  await end();
});

test('N11k recyclings warn when another fleet of drains has gathered, not at each of them', async () => {
  const { system, lines, master, end } = await started();
  for (let i = 0; i < 9; i++) {
    const serving = system.workers.filter(
      ({ launch, received }) => launch.slot === 0 && received.at(-1)?.type === 'init',
    );
    serving.at(-1)?.events.message({ type: 'wants-replacement', reason: 'it has had enough' });
    await system.advance(1_500);
  }
  expect(master.workers).toHaveLength(11);
  expect(lines('drain beside')).toHaveLength(4);
  await end();
});

test('N11l one worker more than maxDraining, and the oldest gets a second, and SIGKILL another one later; the others keep their time', async () => {
  const { system, reload, lines, drains, end } = await started({ maxDraining: 3 });
  await reload();
  await system.advance(5_000);
  expect(lines('is cut')).toEqual([]);
  await reload();
  expect(lines('is cut')).toEqual([
    'worker 0 (pid 5000000, generation 0) has drained for 5000 ms and is cut: more than 3 workers drain (maxDraining)',
  ]);
  expect([0, 1, 2, 3].map(drains)).toEqual([[30_000, 1_000], [30_000], [30_000], [30_000]]);
  await system.advance(1_999);
  expect(system.workers[0]?.signals).toEqual([]);
  await system.advance(1);
  expect(system.workers.map(({ signals }) => signals.length)).toEqual([1, 0, 0, 0, 0, 0]);
  expect(lines('was not done 1000 ms after it was cut and is killed')).toHaveLength(1);
  // Three are left, which is allowed; each further reload cuts two more.
  await reload();
  expect(lines('is cut')).toHaveLength(3);
  await system.advance(30_200);
  expect(system.workers.map(({ signals }) => signals.length)).toEqual([1, 1, 1, 1, 1, 1, 0, 0]);
  await end();
});

test('N11l a worker that is about to end by its own deadline, or is cut already, is not cut again', async () => {
  const { system, reload, lines, drains, end } = await started({ maxDraining: 1 });
  await reload();
  expect(lines('is cut')).toHaveLength(1);
  await system.advance(100);
  await reload();
  // Workers 1 and 2; worker 0 is cut already, and worker 3 is the one that may drain.
  expect(lines('is cut')).toHaveLength(3);
  expect([0, 1, 2, 3].map((worker) => drains(worker)?.length)).toEqual([2, 2, 2, 1]);
  await end();
});
