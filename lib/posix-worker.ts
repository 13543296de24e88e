/** One worker process as POSIX has it: pid, control channel, piped output, exit. */

import type { ChildProcess } from 'node:child_process';
import { StringDecoder } from 'node:string_decoder';
import { Channel } from './channel.js';
import { overSocket } from './channel-ends.js';
import { descendsFrom } from './descent.js';
import type { ProcessExit, SlotSocket, WorkerProcess, WorkerProcessEvents } from './host.js';
import type { Fd, NativeBinding } from './native.cjs';
import { onLinux } from './native-linux.js';
import type { PipedStream } from './pass-on.js';
import { passOn } from './pass-on.js';
import type { MasterMessage, WorkerMessage } from './protocol.cjs';

/**
 * After the exit of a worker everything it sent is already in our buffers; end-of-file follows unless a process that it started
 * still holds a copy of the descriptor. That one is not waited for longer than this, in milliseconds.
 */
const LAST_WORDS = 200;
type MasterChannel = Channel<WorkerMessage, MasterMessage>;

/** One process behind a control channel, started natively or by a `commandProducer`. */
export class PosixWorker implements WorkerProcess {
  readonly #native: NativeBinding;
  readonly #events: WorkerProcessEvents;
  readonly #channel: MasterChannel;
  readonly #outputs = new Set<PipedStream>();
  /** Everything on stderr arrives here: what the preload reports of it is the same again. */
  #pipedStderr = false;
  #pid = 0;
  /** Of the process that said it serves, when that is not the one that was started. */
  #servingPid: number | undefined;
  #kill: (signal: NodeJS.Signals) => boolean = () => false;
  #exit: ProcessExit | undefined;
  #channelOpen = true;
  #lastWords: NodeJS.Timeout | undefined;
  #told = false;
  /** The master's end of the adoption socket. */
  #adoption: Fd | undefined;
  #adoptions = 0;

  /** @param controlFd The master's end of the control channel; this worker owns it. */
  constructor(native: NativeBinding, controlFd: Fd, events: WorkerProcessEvents) {
    this.#native = native;
    this.#events = events;
    this.#channel = new Channel<WorkerMessage, MasterMessage>(overSocket(controlFd), {
      message: (message) => {
        if (message.type === 'ready' && message.pid !== this.#pid) this.#servingPid = message.pid;
        if (message.type !== 'stderr' || !this.#pipedStderr) events.message(message);
      },
      // A line that the death of its writer cut off, or a program that mistook the descriptor: nothing to act on.
      garbage: () => {},
      close: () => {
        this.#channelOpen = false;
        this.#settle();
      },
    });
    // The children keep the event loop alive, not their channels.
    this.#channel.unref();
  }

  get pid(): number {
    return this.#pid;
  }

  send(message: MasterMessage): boolean {
    return this.#channel.send(message);
  }

  /** Opens the way for sockets of other slots; returns the worker's end, which is the caller's. */
  openAdoption(): Fd {
    const [ours, theirs] = onLinux(this.#native).seqpacketPair();
    this.#adoption = ours;
    return theirs;
  }

  adopt(slot: number, sockets: readonly SlotSocket[]): boolean {
    if (this.#adoption === undefined) return false;
    // The descriptors first: they are there when the worker reads of them.
    const tag = ++this.#adoptions;
    if (onLinux(this.#native).sendFds(this.#adoption, { tag, fds: sockets.map(({ fd }) => fd) }) !== 'sent')
      return false;
    return this.send({ type: 'adopt', slot, tag, listeners: sockets.map(({ listener }) => listener) });
  }

  #closeAdoption(): void {
    if (this.#adoption !== undefined) this.#native.closeFd(this.#adoption);
    this.#adoption = undefined;
  }

  kill(signal: NodeJS.Signals): boolean {
    if (this.#exit !== undefined) return false;
    if (signal === 'SIGKILL') this.#killWrapped();
    return this.#kill(signal);
  }

  /**
   * Behind a wrapper (`sh -c`) the process that serves is a descendant of the one that was started. Killing only the wrapper would
   * leave a blocked worker, and its copies of the listeners, to its own watch, one grace period longer than the stop takes.
   */
  #killWrapped(): void {
    if (this.#servingPid === undefined || !this.#channelOpen) return;
    if (!descendsFrom(this.#servingPid, this.#pid)) return;
    try {
      process.kill(this.#servingPid, 'SIGKILL');
    } catch {
      // It ended by itself just now, or may not be signalled: its watch ends it.
    }
  }

  started(pid: number, kill: (signal: NodeJS.Signals) => boolean): void {
    this.#pid = pid;
    this.#kill = kill;
  }

  /** A process that a `commandProducer` started. */
  attach(child: ChildProcess): void {
    this.started(child.pid as number, (signal) => child.kill(signal));
    child.on('error', () => {});
    if (child.stdout !== null) this.listenTo(1, child.stdout);
    if (child.stderr !== null) this.listenTo(2, child.stderr);
    if (child.exitCode !== null || child.signalCode !== null) {
      const exit = { code: child.exitCode, signal: child.signalCode };
      setImmediate(() => this.ended(exit));
    } else {
      child.once('exit', (code, signal) => this.ended({ code, signal }));
    }
  }

  /** Piped output goes on to the master's own, and stderr into the boot errors as well. */
  listenTo(target: number, stream: PipedStream): void {
    this.#outputs.add(stream);
    if (target === 2) {
      this.#pipedStderr = true;
      const decoder = new StringDecoder('utf8');
      stream.on('data', (chunk: Buffer) => this.#events.stderr(decoder.write(chunk)));
    }
    passOn(stream, target === 2 ? process.stderr : process.stdout);
    stream.once('close', () => {
      this.#outputs.delete(stream);
      this.#settle();
    });
  }

  ended(exit: ProcessExit): void {
    this.#exit = exit;
    this.#closeAdoption();
    this.#lastWords = setTimeout(() => this.#tell(), LAST_WORDS);
    this.#settle();
  }

  /** The process never came to be. */
  abandon(): void {
    this.#told = true;
    this.#closeAdoption();
    this.#channel.close();
  }

  #settle(): void {
    if (this.#exit !== undefined && !this.#channelOpen && this.#outputs.size === 0) this.#tell();
  }

  #tell(): void {
    if (this.#told || this.#exit === undefined) return;
    this.#told = true;
    clearTimeout(this.#lastWords);
    // A worker behind a wrapper outlives it: closing our end tells it that it has no master any more.
    this.#channel.close();
    // What is still in the pipes goes on; a process that holds one open must not keep the master alive.
    for (const stream of this.#outputs) stream.unref?.();
    this.#events.exit(this.#exit);
  }
}
