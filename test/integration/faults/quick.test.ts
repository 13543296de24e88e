/** The bounded share of `npm run test:faults`: what it walks through is in test/faults. */

import { spawnSync } from 'node:child_process';
import { expect } from 'vitest';
import { inPackage, testOn } from '../../helpers/index.js';

const MAIN = inPackage('test/faults/main.mjs');

function suite(...args: readonly string[]): { readonly status: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    encoding: 'utf8',
    timeout: 190_000,
  });
  return { status, said: `${stdout}${stderr}` };
}

testOn('posixProcesses', 'proc')(
  'a fleet whose master is short of descriptors, is refused a call, or is killed, in a reload, whose clock jumps, or that is stopped with ' +
    'clients in its queues, is whole again or gone, and no client notices',
  () => {
    const { status, said } = suite('--quick', '--may-leave-out', '--seed', '1');
    expect(status, said).toBe(0);
  },
  200_000,
);

testOn('posixProcesses', 'proc')('faults that never come about are no success', () => {
  const { status, said } = suite('--only', 'relaod shared brief EMFILE');
  expect(said).toContain('there was no cell');
  expect(status).toBe(1);
});
