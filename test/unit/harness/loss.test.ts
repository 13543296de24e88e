/** The verdict of `npm run test:loss`: a run that has done less than it was asked for has failed. */

import { expect, test } from 'vitest';
import { type Row, verdictOn } from '../../loss/verdict.mjs';

const row: Row = { scenario: 'reloads', fleet: 'shared', done: 12, count: 12, verdict: 'ok', failures: [] };
const run = { rows: [row], leftOut: [] as string[], mayLeaveOut: false };

test('a run that has done all, and lost nothing, has no failure', () => {
  expect(verdictOn(run)).toEqual({ remarks: [], failures: [] });
});

test('what was lost, and what went wrong, is a failure, whatever may be left out', () => {
  const rows: Row[] = [
    { ...row, verdict: 'LOST', failures: ['ECONNRESET'] },
    { ...row, fleet: 'cluster', verdict: 'FAILED', failures: ['no worker'] },
  ];
  const failures = ['reloads, shared\n  ECONNRESET', 'reloads, cluster\n  no worker', 'The suite failed: too long'];
  expect(verdictOn({ ...run, rows, broken: 'too long', mayLeaveOut: true }).failures).toEqual(failures);
});

test('what was left out, or done less often, is a failure, unless the user says that it may be', () => {
  const less = { ...run, rows: [{ ...row, done: 3 }], leftOut: ['Left out, because nginx is not installed: Pods'] };
  const words = [...less.leftOut, 'Too slow a machine: reloads, shared only 3 of 12 times'];
  expect(verdictOn(less)).toEqual({ remarks: [], failures: words });
  expect(verdictOn({ ...less, mayLeaveOut: true })).toEqual({ remarks: words, failures: [] });
});

test('a run that has done nothing is a failure', () => {
  expect(verdictOn({ ...run, rows: [], mayLeaveOut: true }).failures).toHaveLength(1);
});
