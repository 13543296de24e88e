import { expect, test } from 'vitest';
import { startReadyFleet } from '../../helpers/index.js';

test('F16q a reload logs each worker that takes over, and how long it took', async () => {
  const { master } = await startReadyFleet({ options: { workers: 2, readyFor: 100 } });
  const began = performance.now();
  await master.call('reload');
  const withinMs = performance.now() - began;
  await master.logged('reloaded: generation 1');
  const { stderr } = master;
  for (const slot of [0, 1]) {
    expect(stderr).toMatch(new RegExp(`worker ${slot} \\(pid \\d+, generation 1\\) took over from pid \\d+\n`));
  }
  const tookMs = Number(/ reloaded: generation 1, in (\d+) ms\n/.exec(stderr)?.[1]);
  expect(tookMs).toBeGreaterThanOrEqual(100); // the trial of the first worker
  expect(tookMs).toBeLessThanOrEqual(Math.ceil(withinMs));
});
