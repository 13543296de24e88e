/** A worker that `child_process` started: where its output goes, and its end. */

import type { ChildProcess } from 'node:child_process';
import type { ProcessExit } from '../system.js';
import type { LastWords } from './last-words.js';

/** `child.kill()` says EPERM in an event, and returns what it returns of a process that has ended. */
export function killOf(child: ChildProcess): (signal: NodeJS.Signals) => boolean {
  let failure: Error | undefined;
  child.on('error', (error) => {
    failure = error;
  });
  return (signal) => {
    failure = undefined;
    const sent = child.kill(signal);
    if (failure !== undefined) throw failure;
    return sent;
  };
}

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
