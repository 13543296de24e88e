import { expect, test } from 'vitest';
import { httpGet, startReadyFleet } from '../../helpers/index.js';

const HOSTS = ['127.0.0.1', '[::1]'] as const;

test.each(HOSTS)('L1 sharded: 400 sequential connections to %s are spread evenly over 4 idle workers', async (host) => {
  const { pids, port } = await startReadyFleet({ options: { sharing: 'sharded', workers: 4, listen: `${host}:0` } });
  const answered = new Map<number, number>();
  for (let i = 0; i < 400; i++) {
    const { pid } = (await httpGet({ port, host: host.replace(/[[\]]/g, '') })).json();
    answered.set(pid, (answered.get(pid) ?? 0) + 1);
  }
  expect([...answered.keys()].sort()).toEqual([...pids].sort());
  // Binomial, p = 1/4: the standard deviation is 8.7.
  for (const count of answered.values()) {
    expect(count).toBeGreaterThanOrEqual(60);
    expect(count).toBeLessThanOrEqual(140);
  }
});
