/** Runs once around each project: the watch for tests that do not end, and the last look at what the whole run left behind (C15). */

import { randomUUID } from 'node:crypto';
import type { TestProject } from 'vitest/node';
import { endLeftProcesses } from '../helpers/leaks.js';
import { endStuckFiles } from './stuck.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** Marks the processes of this run apart from those of another one on the same machine. */
    readonly testRun: string;
  }
}

export function setup(project: TestProject): () => Promise<void> {
  const testRun = randomUUID();
  project.provide('testRun', testRun);
  const endWatch = endStuckFiles(project);
  return async () => {
    endWatch();
    // Every file has had its own check: a process that is found now belongs to a test process that died before that check. The children of
    // this process are vitest's own, the test processes. On a busy machine it may take longer than this until the last of them is reaped.
    const left = await endLeftProcesses(testRun, { within: 500, children: false });
    if (left.length === 0) return;
    // Vitest prints an error of a teardown and goes on to exit with the code of the tests.
    process.exitCode = 1;
    throw new Error(`The test run left behind:\n  process ${left.join('\n  process ')}`);
  };
}
