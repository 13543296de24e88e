/** The end of a worker that could not begin to serve. */

import { inspect } from 'node:util';
import { bootError } from '../boot/boot.cjs';
import { inWords } from '../common/in-words.cjs';
import { outlet } from '../common/outlet.js';
import type { WorkerMessage } from '../protocol/protocol.cjs';

/** Prints as Node prints an uncaught error. The report still runs, so that the master has both. */
export function endFailedBoot(error: unknown, send: (message: WorkerMessage) => void): never {
  const text = uncaught(error);
  send({ type: 'boot-failed', error: bootError(error) });
  send({ type: 'wrote-stderr', text: `${text}\n` });
  // Not process.stderr: a terminal that is stopped, or a full pipe, would keep this process.
  outlet(2).log(text);
  process.exit(1);
}

function uncaught(error: unknown): string {
  try {
    return error instanceof Error ? inspect(error) : `Uncaught ${inspect(error)}`;
  } catch {
    return `Uncaught ${inWords(error)}`;
  }
}
