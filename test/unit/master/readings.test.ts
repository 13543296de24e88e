import { expect, test } from 'vitest';
import { crash, fleet, last } from '../../helpers/fake-fleet.js';
import { settle } from '../../helpers/fake-system.js';

test('workers are listed by slot, whichever was started last', async () => {
  const { master, system, started } = fleet({ workers: 3 });
  await started;
  system.workers[0]?.exit(crash);
  await settle();
  const slots = [0, 1, 2];
  expect(master.workers.map(({ slot }) => slot)).toEqual(slots);
  expect(master.workers[0]?.pid).toBe(last(system).pid);
  expect(master.status().workers).toMatchObject(slots.map((slot) => ({ slot, restarts: slot === 0 ? 1 : 0 })));
  expect((await master.metrics()).workers.map(({ slot }) => slot)).toEqual(slots);
  await master.stop();
});

test('the status of a stopped fleet says so and asks no closed listener for its queue', async () => {
  const { master, system, started } = fleet();
  await started;
  expect(master.status().queues).toEqual([{ name: '0', depth: 0, limit: 4_096 }]);
  await master.stop();
  system.queues.depth = () => {
    throw new Error('asked a closed descriptor');
  };
  expect(master.status()).toMatchObject({ state: 'stopped', workers: [], queues: [], addresses: [{ port: 8_080 }] });
});
