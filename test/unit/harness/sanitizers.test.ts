/** What `npm run test:sanitizers` leaves out of its reports, and what it says about tests that passed at a later attempt. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { judge } from '../../sanitizers/judge.mjs';
import { isOfNode } from '../../sanitizers/of-node.mjs';
import { INTEGRATION, NATIVE_LEFT_OUT } from '../../sanitizers/suites.mjs';

const NODE = [{ module: 'node' }, { module: 'libc.so.6' }];
const OURS = [{ module: 'libstdc++.so.6' }, { module: 'prefork.node' }, { module: 'node' }];

function tsan(kind: string, ...stacks: { module: string }[][]) {
  return { text: `WARNING: ThreadSanitizer: ${kind} (pid=7)\n`, stacks };
}

test('a data race of Node alone is left out, one with an access of the addon counts', () => {
  expect(isOfNode(tsan('data race', NODE, NODE))).toBe(true);
  expect(isOfNode(tsan('data race', NODE, OURS))).toBe(false);
});

test('a thread that Node has not joined is left out, one that the addon has started counts', () => {
  expect(isOfNode(tsan('thread leak', NODE))).toBe(true);
  expect(isOfNode(tsan('thread leak', OURS))).toBe(false);
});

test('whatever else TSan reports counts, also of Node alone: memory that was freed, locks, handlers of signals', () => {
  for (const kind of [
    'heap-use-after-free',
    'heap-use-after-free (virtual call vs free)',
    'destroy of a locked mutex',
    'lock-order-inversion (potential deadlock)',
    'signal-unsafe call inside of a signal',
  ])
    expect(isOfNode(tsan(kind, NODE, NODE))).toBe(false);
});

function judged(...tests: { fullName: string; status: string; failureMessages?: string[] }[]) {
  return judge({ testResults: [{ name: 'a', status: 'passed', message: '', assertionResults: tests }] }, 0, 'log');
}

test('a test that passed at a later attempt is counted as flaky, and named with what it said before', () => {
  const flaky = { fullName: 'stops in time', status: 'passed', failureMessages: ['took 7 s'] };
  const { problems, ...counts } = judged({ fullName: 'starts', status: 'passed', failureMessages: [] }, flaky);
  expect(counts).toEqual({ passed: 2, failed: 0, skipped: 0, flaky: 1 });
  expect(problems.join('\n')).toMatch(/Flaky.*stops in time\ntook 7 s/);
});

test('a failed test is failed, whatever the exit code', () => {
  const { problems, ...counts } = judged({ fullName: 'stops', status: 'failed', failureMessages: ['took 7 s'] });
  expect(counts).toEqual({ passed: 0, failed: 1, skipped: 0, flaky: 0 });
  expect(problems.join('\n')).toContain('took 7 s');
});

test('a run without a test is a failed one', () => {
  const { problems, failed } = judged({ fullName: 'stops', status: 'skipped' });
  expect({ problems, failed }).toEqual({ problems: ['no test ran', 'All of it: log'], failed: 1 });
});

test('every file that is to run under the sanitizers is there: vitest says nothing of one that is not', () => {
  const root = join(import.meta.dirname, '../../..');
  const named = [...INTEGRATION, ...Object.keys(NATIVE_LEFT_OUT)];
  expect(named.filter((file) => !existsSync(join(root, file)))).toEqual([]);
});
