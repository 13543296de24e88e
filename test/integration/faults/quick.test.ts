/** The bounded share of `npm run test:faults`: what it walks through is in test/faults. */

import { spawnSync } from 'node:child_process';
import { expect } from 'vitest';
import { inPackage, testOn } from '../../helpers/index.js';

testOn('posixProcesses', 'proc')(
  'a fleet whose master is short of descriptors in a reload, or whose clock jumps, is whole again, and no client notices',
  () => {
    const args = [inPackage('test/faults/main.mjs'), '--quick', '--seed', '1'];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 190_000 });
    expect(status, `${stdout}${stderr}`).toBe(0);
  },
  200_000,
);
