/** One worker process as POSIX has it: pid, control channel, piped output, exit. */

import type { ChildProcess } from 'node:child_process';
import type { Fd, PosixAddon } from '../../addon/native.cjs';
import type { Shape } from '../../common/worker-lines.js';
import { Channel } from '../../protocol/channel.js';
import { overSocket } from '../../protocol/ends-posix.js';
import type { MasterMessage, WorkerMessage } from '../../protocol/protocol.cjs';
import { FROM_WORKER } from '../../protocol/what-workers-say.js';
import { descendsFrom } from '../descent.js';
import { followChild, killOf, LastWords } from '../launch/last-words.js';
import type { PipedStream } from '../launch/pass-on.js';
import type { ProcessExit, ReplyResult, SlotSocket, WorkerProcess, WorkerProcessEvents } from '../system.js';

type MasterChannel = Channel<WorkerMessage, MasterMessage>;

/** One process behind a control channel, started natively or by a `commandProducer`. */
export class PosixProcess implements WorkerProcess {
  debugger: string | undefined;
  readonly #native: PosixAddon;
  readonly #channel: MasterChannel;
  readonly #lastWords: LastWords;
  #pid = 0;
  /** Of the process that said it serves, when that is not the one that was started. */
  #servingPid: number | undefined;
  #kill: (signal: NodeJS.Signals) => boolean = () => false;
  #unref = (): void => {};
  /** The master's end of the adoption socket. */
  #adoption: Fd | undefined;
  #adoptions = 0;
  /** The master's end of the socket for listeners that a hosted program asks for. */
  #replies: Fd | undefined;

  /**
   * @param controlFd The master's end of the control channel; this worker owns it.
   * @param shape What becomes of its piped lines.
   */
  constructor(native: PosixAddon, controlFd: Fd, events: WorkerProcessEvents, shape?: Shape | undefined) {
    this.#native = native;
    this.#lastWords = new LastWords(events, () => this.#channel.close(), shape);
    this.#channel = new Channel<WorkerMessage, MasterMessage>(overSocket(controlFd), FROM_WORKER, {
      message: (message) => {
        if (message.type === 'became-ready' && message.pid !== this.#pid) this.#servingPid = message.pid;
        if (message.type !== 'wrote-stderr' || !this.#lastWords.pipedStderr) events.message(message);
      },
      garbage: (line, cut) => {
        // Its writer died while it wrote.
        if (cut) return;
        // First: a wrapped worker is only found while its channel is open.
        events.broke(line);
        this.#channel.close();
      },
      full: (waiting) => events.full(waiting),
      close: () => {
        if (!this.#lastWords.exited) events.cut?.();
        this.#lastWords.channelClosed();
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
    const [ours, theirs] = this.#native.fdChannel();
    this.#adoption = ours;
    return theirs;
  }

  /** Opens the way for listeners that a hosted program asks for; returns the worker's end, which is the caller's. */
  openReplies(): Fd {
    const [ours, theirs] = this.#native.fdChannel();
    this.#replies = ours;
    return theirs;
  }

  reply(id: number, text: string, fds: readonly Fd[]): ReplyResult {
    if (this.#replies === undefined) return 'gone';
    return this.#native.sendFds(this.#replies, { tag: id, text, fds });
  }

  adopt(slot: number, sockets: readonly SlotSocket[]): boolean {
    if (this.#adoption === undefined) return false;
    // The descriptors first: they are there when the worker reads of them.
    const tag = ++this.#adoptions;
    if (this.#native.sendFds(this.#adoption, { tag, fds: sockets.map(({ fd }) => fd) }) !== 'sent') return false;
    return this.send({ type: 'adopt', slot, tag, listeners: sockets.map(({ listener }) => listener) });
  }

  #closeSockets(): void {
    for (const fd of [this.#adoption, this.#replies]) if (fd !== undefined) this.#native.closeFd(fd);
    this.#adoption = undefined;
    this.#replies = undefined;
  }

  kill(signal: NodeJS.Signals): boolean {
    if (this.#lastWords.exited) return false;
    // Looked for first, because the children of a process that ends get another parent; signalled last, because what a worker says of
    // itself must not keep the master from ending the process that it started.
    const wrapped = signal === 'SIGKILL' ? this.#wrapped() : undefined;
    try {
      return this.#kill(signal);
    } finally {
      if (wrapped !== undefined) killWrapped(wrapped);
    }
  }

  isAncestorOf(pid: number): boolean {
    return descendsFrom(pid, this.#pid);
  }

  /**
   * Behind a wrapper (`sh -c`) the process that serves is a descendant of the one that was started. Killing only the wrapper would
   * leave a blocked worker, and its copies of the listeners, to its own watch, one grace period longer than the stop takes.
   */
  #wrapped(): number | undefined {
    const pid = this.#servingPid;
    return pid !== undefined && this.#lastWords.channelOpen && this.isAncestorOf(pid) ? pid : undefined;
  }

  letGo(): void {
    this.#channel.destroy();
    this.#lastWords.letGo();
    this.#unref();
  }

  started(pid: number, kill: (signal: NodeJS.Signals) => boolean, unref: () => void): void {
    this.#pid = pid;
    this.#kill = kill;
    this.#unref = unref;
  }

  /** A process that a `commandProducer` started. */
  attach(child: ChildProcess): void {
    this.started(child.pid as number, killOf(child), () => child.unref());
    followChild(child, this.#lastWords, (exit) => this.ended(exit));
  }

  listenTo(target: 1 | 2, stream: PipedStream): void {
    this.#lastWords.listenTo(target, stream, this.#pid);
  }

  ended(exit: ProcessExit): void {
    this.#closeSockets();
    this.#lastWords.ended(exit);
  }

  /** The process never came to be. */
  abandon(): void {
    this.#closeSockets();
    this.#lastWords.abandon();
  }
}

function killWrapped(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself just now, or may not be signalled: its watch ends it.
  }
}
