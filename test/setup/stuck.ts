/**
 * Names a test that will not end, and ends the process that runs it. A time limit of vitest is a timer in that process: where it waits in a system
 * call, for a child that does not end, or in a loop without a turn, the limit does not run out, and the run waits for ever. A process that
 * hangs before its first test, or behind its last one, is not seen.
 */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunnerTask, RunnerTestCase, RunnerTestFile, TestProject } from 'vitest/node';
import { describeProcess } from '../helpers/leaks.js';
import { isDead, type ProcessInfo, processesHere } from '../helpers/processes.js';
import { patience } from '../helpers/target.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** A folder: mark.ts makes a file for each test process, named by its pid, with the path of the test file that it runs. */
    readonly testProcesses: string;
  }
}

export interface Patience {
  /** Milliseconds beyond the longest limit of the tests to come, for hooks and for news that is late. Default: 3 minutes, more on a slower target. */
  readonly margin?: number;
  /** Milliseconds between two looks. Default: 5 s. */
  readonly every?: number;
}

/** Returns what ends the watch. */
export function endStuckFiles(
  project: TestProject,
  { margin = patience(180_000), every = 5_000 }: Patience = {},
): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-run-'));
  project.provide('testProcesses', folder);
  const seen = new Map<string, { readonly progress: string; readonly looks: number }>();
  const timer = setInterval(() => {
    for (const file of project.vitest.state.getFiles()) {
      const tests = testsOf(file);
      const left = tests.filter((test) => test.mode === 'run' && (test.result?.state ?? 'run') === 'run');
      if (file.projectName !== project.name || isOver(file) || left.length === 0) continue;
      const progress = tests.map(({ result }) => `${result?.state} ${result?.retryCount}`).join();
      const before = seen.get(file.id);
      // Looks, and not the time: this process may have stood still itself.
      const looks = before?.progress === progress ? before.looks + 1 : 0;
      seen.set(file.id, { progress, looks });
      // A limit of 0 is none.
      const limit = Math.max(...left.map(({ timeout }) => (timeout > 0 ? timeout : Infinity)));
      if (looks * every <= limit + margin) continue;
      seen.delete(file.id);
      endProcessOf(
        file,
        folder,
        left.map(({ name }) => name),
      );
    }
  }, every);
  timer.unref();
  return () => {
    clearInterval(timer);
    rmSync(folder, { recursive: true });
  };
}

function testsOf(task: RunnerTask): RunnerTestCase[] {
  return task.type === 'test' ? [task] : task.tasks.flatMap(testsOf);
}

function isOver({ result }: RunnerTestFile): boolean {
  return result !== undefined && result.state !== 'run' && result.state !== 'queued';
}

/** Vitest reports the end as a failure, and goes on with the files to come. */
function endProcessOf({ name, filepath }: RunnerTestFile, folder: string, left: readonly string[]): void {
  const all = processesHere();
  const runner = all.find((info) => info.ppid === process.pid && !isDead(info) && fileOf(info, folder) === filepath);
  // Vitest leaves a file as it was whose process has died.
  if (runner === undefined) return;
  const tree = (info: ProcessInfo, indent: string): string[] => [
    `${indent}process ${describeProcess(info)}`,
    ...all.filter(({ ppid }) => ppid === info.pid).flatMap((child) => tree(child, `${indent}  `)),
  ];
  console.error(`No test of ${name} ends. To come:\n  ${left.join('\n  ')}\n${tree(runner, '  ').join('\n')}`);
  process.kill(runner.pid, 'SIGKILL');
}

function fileOf({ pid }: ProcessInfo, folder: string): string | undefined {
  try {
    return readFileSync(join(folder, String(pid)), 'utf8');
  } catch {
    return undefined;
  }
}
