import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { runDelay } from '../../../../lib/system/posix/run-delay.js';
import { eventually } from '../../../helpers/eventually.js';
import { commandWorks, isLinux, testWhen } from '../../../helpers/skip.js';

const counts = isLinux && runDelay(process.pid) !== undefined;

test('is the second number of schedstat, in milliseconds', () => {
  expect(runDelay(42, (path) => (path === '/proc/42/schedstat' ? '213115226 37087552 689\n' : ''))).toBe(37.087552);
});

test('a process that has not waited yet has a delay of 0', () => {
  expect(runDelay(42, () => '0 0 1\n')).toBe(0);
});

test('is undefined where the kernel does not count, and for a process that is gone', () => {
  expect(runDelay(42, () => '0 0 0\n')).toBeUndefined();
  expect(runDelay(42, () => '')).toBeUndefined();
  expect(runDelay(2 ** 30)).toBeUndefined();
});

testWhen(counts && commandWorks('taskset', '-c', '0', 'true'), 'needs schedstat and taskset')(
  'grows for processes that compete for one CPU',
  async () => {
    const busy = [1, 2].map(() =>
      spawn('taskset', ['-c', '0', 'sh', '-c', 'while :; do :; done'], { stdio: 'ignore' }),
    );
    try {
      await eventually(() => busy.every(({ pid }) => (runDelay(pid as number) ?? 0) > 20), { within: 10_000 });
    } finally {
      for (const child of busy) child.kill('SIGKILL');
      await Promise.all(busy.map((child) => once(child, 'exit')));
    }
  },
);
