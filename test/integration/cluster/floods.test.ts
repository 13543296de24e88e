import { expect } from 'vitest';
import { clusterPort, startClustered } from '../../helpers/clustered.js';
import { residentMemoryOf } from '../../helpers/index.js';
import { testOnLinux as test } from '../../helpers/skip.js';

const MB = 1024 * 1024;

test('a worker that reads no messages costs the primary no more than a bound: send() returns false, and calls back with an error', async () => {
  const fleet = startClustered({ workers: 1 });
  await clusterPort(fleet, 1);
  await fleet.call('send', 1, 'block');
  const before = residentMemoryOf(fleet.pid);
  // 200 MB.
  const { taken, slow } = await fleet.call('flood', 1, 100_000, 2_000);
  expect(taken).toBeLessThan(10);
  expect(taken + slow).toBe(2_000);
  expect(await fleet.event('refused')).toMatchObject({ code: 'ERR_PREFORK_CHANNEL_FULL' });
  expect(residentMemoryOf(fleet.pid) - before).toBeLessThan(80 * MB);
});

test('a worker that floods its primary keeps the same bound, and both go on', async () => {
  const fleet = startClustered({ workers: 1 });
  const before = await clusterPort(fleet, 1).then(() => residentMemoryOf(fleet.workers()[0] as number));
  await fleet.call('send', 1, { flood: [100_000, 2_000] });
  const { taken, slow } = await fleet.event('flooded');
  expect(taken + slow).toBe(2_000);
  expect(residentMemoryOf(fleet.workers()[0] as number) - before).toBeLessThan(80 * MB);
  await fleet.call('send', 1, 'still there');
  expect(await fleet.event('heard')).toMatchObject({ message: 'still there' });
});
