import { expect } from 'vitest';
import { connect, greet, outcomes } from '../../helpers/greetings.js';
import { eventually, testOn } from '../../helpers/index.js';
import { optionsOf, startLimited, WAYS } from '../../helpers/limited.js';
import type { Master } from '../../helpers/master.js';
import { eachSharing } from '../../helpers/sharing.js';

/** Few enough to be used up at once, and more than a worker needs for what the tests do. */
const FEW = 200;

/** Pids of the workers that have said so, one for each line. */
function outOfDescriptors({ stderr }: Master): number[] {
  const line = /^prefork\[0\] worker \d+ \(pid (\d+), generation 0\): out of descriptors: \d+ of 200 are in use/gm;
  return [...stderr.matchAll(line)].map(([, pid]) => Number(pid));
}

eachSharing(WAYS, 'descriptors')(
  'N4a a worker that has run out of descriptors accepts nothing any more, says so in one line, and the other one serves every client ($sharing, $over)',
  async (way) => {
    const { master, pids, target, order } = await startLimited({ options: optionsOf(way) }, FEW);
    const [full, healthy] = pids as [number, number];
    await order(full, { leak: 'on' });
    const sequential = await greet(target, 200, 1);
    const parallel = await greet(target, 200, 40);
    expect(outcomes(sequential)).toEqual({ greeted: 200 });
    expect(outcomes(parallel)).toEqual({ greeted: 200 });
    expect(parallel.filter(({ pid }) => pid === full)).toEqual([]);
    // A successor may have come meanwhile, and leaks nothing.
    expect(sequential.some(({ pid }) => pid === healthy)).toBe(true);
    await eventually(() => outOfDescriptors(master).length > 0, { what: 'it says that it is out of descriptors' });
    expect(outOfDescriptors(master)).toEqual([full]);
  },
);

eachSharing(WAYS, 'descriptors')(
  'N4b a worker that has used up its descriptors once closes nothing of a burst, and a worker that fills up under load loses no client ($sharing, $over)',
  async (way) => {
    const { pids, target, order } = await startLimited({ options: optionsOf(way) }, FEW);
    const full = pids[0] as number;
    const load = greet(target, 400, 4);
    await order(full, { leak: 'once' });
    expect(outcomes(await load)).toEqual({ greeted: 400 });
    expect(outcomes(await greet(target, 200, 40))).toEqual({ greeted: 200 });
  },
);

eachSharing(WAYS, 'descriptors')(
  'N4c a worker that has descriptors again serves again, and says so ($sharing, $over)',
  async (way) => {
    const { master, pids, target, order } = await startLimited({ options: optionsOf(way) }, FEW);
    const [full] = pids as [number];
    await order(full, { leak: 'once' });
    await eventually(() => outOfDescriptors(master).length === 1, { what: 'it says that it is out of descriptors' });
    await order(full, { leak: 'off' });
    await eventually(
      () => /has descriptors again \(\d+ of 200 are in use\) and accepts again after/.test(master.stderr),
      {
        what: 'it says that it accepts again',
      },
    );
    await eventually(async () => (await greet(target, 40, 10)).some(({ pid }) => pid === full), {
      what: 'it serves again',
    });
    expect(outOfDescriptors(master)).toEqual([full]);
  },
  // One that stays short of descriptors for some seconds is recycled: as long as the test may get no CPU.
  { retry: 2 },
);

testOn('sharding')(
  'N4d a worker that stays short of descriptors has a successor, which is spawned first; alone it keeps its clients waiting and closes none',
  async () => {
    const { master, pids, target, order } = await startLimited({ options: { workers: 1 } }, FEW);
    const [full] = pids as [number];
    await order(full, { leak: 'once' });
    await eventually(() => outOfDescriptors(master).length === 1, { what: 'it says that it is out of descriptors' });
    const burst = await greet(target, 20, 20, 30_000);
    expect(outcomes(burst)).toEqual({ greeted: 20 });
    expect(burst.filter(({ pid }) => pid === full)).toEqual([]);
    const { exit } = await master.event('onChildExit', { where: ({ pid }) => pid === full });
    expect(exit).toEqual({ code: 0, signal: null, requested: true });
    expect(master.stderr).toMatch(
      new RegExp(
        `worker 0 \\(pid ${full}, generation 0\\) is recycled: it has been short of descriptors for \\d+ s: \\d+ of 200`,
      ),
    );
    expect(await master.call('status')).toMatchObject({ recoveries: 0 });
  },
);

testOn('sharding')(
  'N4e a worker whose connections take its descriptors is not replaced: it serves again as soon as some of them end',
  async () => {
    const { master, pids, target } = await startLimited({ options: { workers: 1 } }, FEW);
    const held = [];
    for (;;) {
      const greeting = await connect(target, 1_000);
      held.push(greeting);
      // Also when it gets no CPU for a second it makes one wait.
      if (greeting.outcome !== 'greeted' && outOfDescriptors(master).length > 0) break;
    }
    expect(held.at(-1)?.outcome).toBe('waits');
    expect(held.length).toBeGreaterThan(FEW / 2);
    expect(outOfDescriptors(master)).toEqual(pids);
    for (const { socket } of held.slice(0, 50)) socket.destroy();
    expect((await connect(target, 10_000)).outcome).toBe('greeted');
    expect(master.stderr).not.toContain('recycled');
    for (const { socket } of held) socket.destroy();
  },
);

testOn('sharding')(
  "N4f in 'reuseport' connections to the socket of a worker without descriptors wait, and none is closed",
  async () => {
    const { pids, target, order } = await startLimited({ options: { sharing: 'reuseport' } }, FEW);
    const full = pids[0] as number;
    await order(full, { leak: 'once' });
    const greetings = await Promise.all(Array.from({ length: 40 }, () => connect(target, 1_000)));
    expect(Object.keys(outcomes(greetings)).toSorted()).toEqual(['greeted', 'waits']);
    await order(full, { leak: 'off' });
    const late = greetings.filter(({ outcome }) => outcome === 'waits');
    await eventually(() => late.every(({ socket }) => socket.bytesRead > 0), { what: 'who waited is greeted' });
    for (const { socket } of greetings) socket.destroy();
  },
  // To a client that is not greeted within a second, for want of a CPU, every worker looks full.
  { retry: 2 },
);
