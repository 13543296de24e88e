import { expect, test } from 'vitest';
import { crash, hastyFleet, last } from '../../../helpers/fake-fleet.js';
import { FakeSystem, settle } from '../../../helpers/fake-system.js';

test('a worker that is not ready in time, and may not be killed, keeps its place among the others until it is gone', async () => {
  const system = new FakeSystem({ exclusiveAccept: true });
  const { master, started } = hastyFleet({ readyTimeout: 2_000 }, system);
  await started;
  system.behave = (index) => ({ ready: index !== 2 });
  system.workers[0]?.exit(crash);
  await settle();
  const stays = last(system);
  stays.kill = () => {
    throw new Error('kill EPERM');
  };
  expect(system.board).toEqual(['open', 'take 0', 'take 1', 'clear 0', 'take 0']);
  await system.advance(10_000);
  expect(system.board.slice(5)).not.toContain('clear 0');
  stays.exit(crash);
  await settle();
  expect(system.board.slice(5)).toContain('clear 0');
  await master.stop();
});

test('a master without a CPU waits once more for the end of a worker whose channel has ended, and once at the most', async () => {
  for (const [stalls, killed] of [
    [0, true],
    [1, false],
    [2, true],
  ] as const) {
    const system = new FakeSystem();
    system.behave = () => ({ ready: false });
    const { started } = hastyFleet({ workers: 1 }, system);
    await settle();
    const worker = last(system);
    worker.events.cut?.();
    await system.advance(0);
    if (stalls === 0) await system.advance(1_500);
    for (let stall = 0; stall < stalls; stall++) {
      system.freeze(2_000);
      await system.advance(0);
    }
    expect(worker.signals).toEqual(killed ? ['SIGKILL'] : []);
    worker.exit(crash);
    await started;
    expect(system.pendingTimers).toBe(0);
  }
});
