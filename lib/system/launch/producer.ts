/** Calls the user's `commandProducer`, believes nothing it returns, and leaks nothing it started. */

import { AsyncLocalStorage } from 'node:async_hooks';
import type { ChildProcess } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { PreforkError, show } from '../../common/errors.js';
import { reasonOf } from '../../common/in-words.cjs';
import type { Command, PreforkOptions } from '../../types.js';

/** `own`: of this package. Its errors are none of the user's code. */
type Producer = NonNullable<PreforkOptions['commandProducer']> & { readonly own?: boolean };

/** How long a process that the producer abandoned may take to end after SIGTERM, in milliseconds. */
const ABANDONED_GRACE = 1_000;

/** Attributes processes to the producer call that started them, also when the user starts others meanwhile. */
const calls = new AsyncLocalStorage<ChildProcess[]>();

function onNewProcess(message: unknown): void {
  calls.getStore()?.push((message as { process: ChildProcess }).process);
}

/**
 * @throws PreforkError `ERR_PREFORK_COMMAND_PRODUCER` (it threw), `…_NIL` (it returned nothing), `…_NOT_STARTED` (no pid, or it
 * could not be started). Every process that the producer had started by then is ended.
 */
export async function produce(producer: Producer, command: Command): Promise<ChildProcess> {
  const started: ChildProcess[] = [];
  // Node publishes every ChildProcess on this channel (lib/internal/child_process.js); subscribed only while it matters.
  subscribe('child_process', onNewProcess);
  try {
    return await calls.run(started, () => checked(producer, command));
  } catch (error) {
    await Promise.all(started.map(abandon));
    throw error;
  } finally {
    unsubscribe('child_process', onNewProcess);
  }
}

async function checked(producer: Producer, command: Command): Promise<ChildProcess> {
  let child: ChildProcess;
  try {
    child = await producer(command);
  } catch (cause) {
    if (producer.own === true) throw cause;
    throw new PreforkError(
      'ERR_PREFORK_COMMAND_PRODUCER',
      `commandProducer failed for slot ${command.slot}: ${reasonOf(cause)}`,
      {
        cause,
      },
    );
  }
  if (child === undefined || child === null) {
    throw new PreforkError(
      'ERR_PREFORK_COMMAND_PRODUCER_NIL',
      `commandProducer returned ${child} for slot ${command.slot}; it must return the started ChildProcess`,
    );
  }
  if (typeof child.once !== 'function' || typeof child.kill !== 'function') {
    throw notStarted(command, `it returned ${show(child)}, which is no ChildProcess`);
  }
  if (typeof child.pid !== 'number') {
    const cause = await startError(child);
    throw notStarted(command, cause === undefined ? 'the process it returned has no pid' : reasonOf(cause), cause);
  }
  return child;
}

/** child_process reports a failed start as an 'error' event after the current tick. */
function startError(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve) => {
    child.once('error', resolve);
    setImmediate(resolve, undefined);
  });
}

function notStarted(command: Command, reason: string, cause?: unknown): PreforkError {
  return new PreforkError(
    'ERR_PREFORK_COMMAND_PRODUCER_NOT_STARTED',
    `commandProducer did not start a process for slot ${command.slot}: ${reason}`,
    cause === undefined ? {} : { cause },
  );
}

async function abandon(child: ChildProcess): Promise<void> {
  child.on('error', () => {});
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), ABANDONED_GRACE);
  await exited;
  clearTimeout(timer);
}
