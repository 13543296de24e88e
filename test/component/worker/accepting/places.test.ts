import { spawnSync } from 'node:child_process';
import { expect } from 'vitest';
import { inPackage } from '../../../helpers/index.js';
import { testOnLinux as test } from '../../../helpers/skip.js';

test('a helper that was closed has no say in a socket that comes again by the number of its own, while its connections live', () => {
  const { stdout, stderr, status, signal } = spawnSync(
    process.execPath,
    [inPackage('test/fixtures/listens-again.mjs')],
    {
      encoding: 'utf8',
      timeout: 20_000,
    },
  );
  // libuv ends a process (SIGABRT) whose entry in its own set is not as it left it.
  expect({ stdout, stderr, status, signal }).toEqual({ stdout: 'hello\n', stderr: '', status: 0, signal: null });
});
