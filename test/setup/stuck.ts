/**
 * Names a test that will not end and ends its process. A time limit of vitest is a timer in the test's process: where that waits in a system
 * call, for a child that does not end, or in a loop without a turn, the limit does not run out, and the run waits for ever.
 */

import type { RunnerTask, RunnerTestCase, RunnerTestFile, TestProject } from 'vitest/node';
import { describeProcess } from '../helpers/leaks.js';
import { type ProcessInfo, processesHere } from '../helpers/processes.js';

export interface Patience {
  /** Milliseconds beyond the longest limit of the tests to come, for hooks and for news that is late. Default: 3 minutes. */
  readonly margin?: number;
  /** Milliseconds between two looks. Default: 5 s. */
  readonly every?: number;
}

/** Returns what ends the watch. */
export function endStuckFiles(project: TestProject, { margin = 180_000, every = 5_000 }: Patience = {}): () => void {
  const seen = new Map<string, { readonly progress: string; readonly since: number }>();
  const timer = setInterval(() => {
    const now = performance.now();
    for (const file of project.vitest.state.getFiles()) {
      const tests = testsOf(file);
      const left = tests.filter((test) => test.mode === 'run' && (test.result?.state ?? 'run') === 'run');
      if (file.projectName !== project.name || isOver(file) || left.length === 0) continue;
      const progress = tests.map(({ result }) => `${result?.state} ${result?.retryCount}`).join();
      const before = seen.get(file.id);
      if (before?.progress !== progress) seen.set(file.id, { progress, since: now });
      else if (now - before.since > Math.max(...left.map(({ timeout }) => timeout)) + margin) {
        seen.delete(file.id);
        endTestProcesses(`No test of ${file.name} ends. To come: ${left.map(({ name }) => `\n  ${name}`).join('')}`);
      }
    }
  }, every);
  timer.unref();
  return () => clearInterval(timer);
}

function testsOf(task: RunnerTask): RunnerTestCase[] {
  return task.type === 'test' ? [task] : task.tasks.flatMap(testsOf);
}

function isOver({ result }: RunnerTestFile): boolean {
  return result !== undefined && result.state !== 'run' && result.state !== 'queued';
}

/** All of them: which one runs a file is not known here. Vitest reports each as a failure, and goes on with the files to come. */
function endTestProcesses(why: string): void {
  const all = processesHere();
  const children = (of: number) => all.filter(({ ppid }) => ppid === of);
  const tree = (info: ProcessInfo, indent: string): string[] => [
    `${indent}process ${describeProcess(info)}`,
    ...children(info.pid).flatMap((child) => tree(child, `${indent}  `)),
  ];
  const workers = children(process.pid);
  console.error(`${why}\n${workers.flatMap((worker) => tree(worker, '  ')).join('\n')}`);
  for (const { pid } of workers) process.kill(pid, 'SIGKILL');
}
