/** Reports a worker's exit exactly once, after all its messages and piped output have been read. */

import type { ChildProcess } from 'node:child_process';
import { StringDecoder } from 'node:string_decoder';
import { outlet } from '../../common/outlet.js';
import type { Shape } from '../../common/worker-lines.js';
import type { ProcessExit, WorkerProcessEvents } from '../system.js';
import type { PipedStream } from './pass-on.js';
import { passOn } from './pass-on.js';

/**
 * After the exit of a worker everything it sent is already in our buffers; end-of-file follows unless a process that it started
 * still holds a copy of the descriptor. That one is not waited for longer than this, in milliseconds.
 */
const LAST_WORDS = 200;

export class LastWords {
  readonly #events: Pick<WorkerProcessEvents, 'stderr' | 'dropped' | 'exit'>;
  /** Closes the master's end of the control channel. */
  readonly #close: () => void;
  readonly #shape: Shape | undefined;
  readonly #outputs = new Set<PipedStream>();
  #pipedStderr = false;
  #channelOpen = true;
  #exit: ProcessExit | undefined;
  #timer: NodeJS.Timeout | undefined;
  #reported = false;

  constructor(
    events: Pick<WorkerProcessEvents, 'stderr' | 'dropped' | 'exit'>,
    close: () => void,
    shape?: Shape | undefined,
  ) {
    this.#events = events;
    this.#shape = shape;
    this.#close = close;
  }

  /** Everything on stderr arrives here: what the preload reports of it is the same again. */
  get pipedStderr(): boolean {
    return this.#pipedStderr;
  }

  get channelOpen(): boolean {
    return this.#channelOpen;
  }

  get exited(): boolean {
    return this.#exit !== undefined;
  }

  /** Piped output goes on to the master's own, and stderr into the boot errors as well. */
  listenTo(target: 1 | 2, stream: PipedStream, pid: number): void {
    this.#outputs.add(stream);
    if (target === 2) {
      this.#pipedStderr = true;
      const decoder = new StringDecoder('utf8');
      stream.on('data', (chunk: Buffer) => this.#events.stderr(decoder.write(chunk)));
    }
    passOn(stream, outlet(target), (lines) => this.#events.dropped(lines, target), this.#shape?.(target, pid));
    stream.once('close', () => {
      this.#outputs.delete(stream);
      this.#settle();
    });
  }

  channelClosed(): void {
    this.#channelOpen = false;
    this.#settle();
  }

  ended(exit: ProcessExit): void {
    this.#exit = exit;
    this.#timer = setTimeout(() => this.#report(), LAST_WORDS);
    this.#settle();
  }

  /** The master does not wait for the end any more. */
  letGo(): void {
    for (const stream of this.#outputs) stream.unref?.();
  }

  /** The process never came to be: nothing is reported. */
  abandon(): void {
    this.#reported = true;
    this.#close();
  }

  #settle(): void {
    if (this.#exit !== undefined && !this.#channelOpen && this.#outputs.size === 0) this.#report();
  }

  #report(): void {
    if (this.#reported || this.#exit === undefined) return;
    this.#reported = true;
    clearTimeout(this.#timer);
    // A worker behind a wrapper outlives it: closing our end shows it that it has no master any more.
    this.#close();
    // What is still in the pipes goes on; a process that holds one open must not keep the master alive.
    for (const stream of this.#outputs) stream.unref?.();
    this.#events.exit(this.#exit);
  }
}

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
  const { pid = 0 } = child;
  if (child.stdout !== null) lastWords.listenTo(1, child.stdout, pid);
  if (child.stderr !== null) lastWords.listenTo(2, child.stderr, pid);
  if (child.exitCode !== null || child.signalCode !== null) {
    const exit = { code: child.exitCode, signal: child.signalCode };
    setImmediate(() => ended(exit));
  } else {
    child.once('exit', (code, signal) => ended({ code, signal }));
  }
}
