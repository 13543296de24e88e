import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { processInfo } from '../../helpers/processes.js';
import { testWhen } from '../../helpers/skip.js';
import { canUnsharePids, inPidNamespace } from '../../helpers/wrappers.js';
import { fixture, native, shell, start } from '../native-helpers.js';

testWhen(canUnsharePids(), 'needs unshare --pid')(
  'PID 1 reaps strangers a second after it saw them, all at once, and never its own children',
  async () => {
    const [file, ...args] = [...inPidNamespace, process.execPath, fixture('native/init.mjs')];
    const child = spawn(file as string, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [out] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    expect(out.trim().split('\n')).toEqual([
      'own 0',
      'zombies 5',
      'first look true 5',
      'second look at once true 5',
      'after a second false 1',
      'last look true 1',
      'end false 0',
    ]);
  },
);

test('without zombies there is nothing left, and children of ours are never taken for strangers', async () => {
  expect(native.reapStrangers([])).toBe(false);
  const { child, exit } = start(shell('exit 6'));
  const end = performance.now() + 100;
  // The event loop stands still and delivers no exit: the addon has to know by itself.
  while (performance.now() < end) native.reapStrangers([]);
  expect(await exit).toEqual({ code: 6, signal: null });
  expect(processInfo(child.pid)).toBeUndefined();
});
