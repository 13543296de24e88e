import { expect } from 'vitest';
import { startMaster, testOn, withDescriptors } from '../../helpers/index.js';
import { LOSSLESS } from '../../helpers/sharing.js';
import { testOnLinux } from '../../helpers/skip.js';

for (const sharing of LOSSLESS) {
  const test = sharing === 'shared' ? testOnLinux : testOn('sharding');
  test(`A6b maxConnections, EMFILE, blocked loops, drains, kills and adoptions in a random order abort no worker, and no client waits or is lost (${sharing})`, async () => {
    const master = startMaster('walks-a-fleet', { args: [sharing, '5'], wrapper: withDescriptors(200) });
    expect(await master.gone({ within: 60_000 })).toEqual({ code: 0, signal: null });
    expect(master.stdout).toMatch(/"greeted":\d+,"killed":\d+,"reset":0,"late":0/);
  });
}
