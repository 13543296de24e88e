import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { testOnLinux as test } from '../../helpers/skip.js';

const PROGRAM = fileURLToPath(new URL('../../fixtures/native/notifies.mjs', import.meta.url));

test('the first notice of a process without descriptors can be sent again, and every later one needs none', () => {
  const limited = ['-c', 'ulimit -n 100; exec "$0" "$1"', process.execPath, PROGRAM];
  const { stdout, stderr } = spawnSync('sh', limited, { encoding: 'utf8' });
  // The error of a manager that is not there: there was a socket to send from.
  expect({ stdout, stderr }).toEqual({ stdout: '[false,"ENOENT","ENOENT"]\n', stderr: '' });
});
