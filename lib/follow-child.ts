/** A worker that `child_process` started: where its output goes, and its end. */

import type { ChildProcess } from 'node:child_process';
import type { ProcessExit } from './host.js';
import type { LastWords } from './last-words.js';

/** @param ended Called once, never before this returns: the caller is not ready to hear of it yet. */
export function followChild(child: ChildProcess, lastWords: LastWords, ended: (exit: ProcessExit) => void): void {
  if (child.stdout !== null) lastWords.listenTo(1, child.stdout);
  if (child.stderr !== null) lastWords.listenTo(2, child.stderr);
  if (child.exitCode !== null || child.signalCode !== null) {
    const exit = { code: child.exitCode, signal: child.signalCode };
    setImmediate(() => ended(exit));
  } else {
    child.once('exit', (code, signal) => ended({ code, signal }));
  }
}
