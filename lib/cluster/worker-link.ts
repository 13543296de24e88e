/** In the primary: what a worker has beside Node's channel. It asks for listeners on one socket, and gets them on the other. */

import type { Worker } from 'node:cluster';
import { native as addon } from '../addon/addon.js';
import { posix } from '../addon/narrow.cjs';
import type { BoardPlace, Fd } from '../addon/native.cjs';
import { deferred } from '../common/deferred.js';
import { Channel } from '../protocol/channel.js';
import { overSocket } from '../protocol/ends-posix.js';
import { ENV, type HostedProgram, MARKER, type MasterMessage, type WorkerMessage } from '../protocol/protocol.cjs';
import { FROM_WORKER } from '../protocol/what-workers-say.js';
import type { OpenListener } from '../system/open-listener.js';
import type { ReplyResult } from '../system/system.js';
import type { Listeners, Member } from './listeners.js';

/** Milliseconds for what a worker has accepted, when its primary is gone. */
const GRACE_PERIOD = 10_000;

/** Milliseconds: more than a timer holds is no deadline, and JSON has no infinity. */
const NEVER = Number.MAX_SAFE_INTEGER;

const HOSTED: HostedProgram = {
  silent: false,
  waitReady: false,
  sharing: 'shared',
  gracePeriod: GRACE_PERIOD,
  readyTimeout: 0,
};

export class WorkerLink implements Member {
  readonly place: Member['place'];
  readonly #native = posix(addon);
  readonly #channel: Channel<WorkerMessage, MasterMessage>;
  readonly #listeners: Listeners;
  readonly #gone = deferred();
  readonly gone: Promise<void> = this.#gone.promise;
  /** The worker's ends, until it has them. */
  readonly #theirs: readonly [control: Fd, reply: Fd];
  #replies: Fd | undefined;
  #ready = false;
  readonly #inLine: BoardPlace | undefined;
  state: 'running' | 'exited' = 'running';

  /** @param index Of the worker, from 0. */
  constructor(index: number, listeners: Listeners) {
    this.place = { slot: index, generation: 0 };
    this.#listeners = listeners;
    this.#inLine = listeners.join(this);
    const [ours, control, replies, reply] = this.#open();
    this.#replies = replies;
    this.#theirs = [control, reply];
    this.#channel = new Channel<WorkerMessage, MasterMessage>(overSocket(ours), FROM_WORKER, {
      message: (message) => {
        if (message.type === 'became-ready') {
          this.#ready = true;
          listeners.ready(this);
        }
        if (message.type === 'wants-listener' || message.type === 'released-listener') listeners.hear(this, message);
      },
      garbage: () => this.#channel.close(),
      close: () => {},
    });
    // The process keeps the event loop alive, not this.
    this.#channel.unref();
  }

  /** Throws EMFILE, and then leaves nothing open. */
  #open(): readonly [ours: Fd, control: Fd, replies: Fd, reply: Fd] {
    const opened: Fd[] = [];
    try {
      opened.push(...this.#native.socketPair());
      opened.push(...this.#native.fdChannel());
    } catch (error) {
      for (const fd of opened) this.#native.closeFd(fd);
      this.#listeners.gone(this, this.#inLine);
      throw error;
    }
    return opened as unknown as readonly [Fd, Fd, Fd, Fd];
  }

  /** Behind what the program gives its worker. */
  get handedOver(): readonly Fd[] {
    return this.#inLine === undefined ? this.#theirs : [...this.#theirs, this.#inLine.fd];
  }

  /** @param first Descriptor that the first of {@link handedOver} has in the worker. */
  environment(first: number): Record<string, string> {
    return {
      [ENV.child]: MARKER,
      [ENV.cluster]: MARKER,
      [ENV.fleet]: 'cluster',
      [ENV.slot]: String(this.place.slot),
      [ENV.generation]: String(this.place.generation),
      [ENV.masterPid]: String(process.pid),
      [ENV.controlFd]: String(first),
      [ENV.replyFd]: String(first + 1),
      [ENV.hosted]: JSON.stringify(HOSTED),
      ...(this.#inLine !== undefined && {
        [ENV.boardFd]: String(first + 2),
        [ENV.boardRow]: String(this.#inLine.row),
      }),
    };
  }

  started(worker: Worker): void {
    this.#channel.send({ type: 'init', listeners: [] });
    worker.process.once('disconnect', () => this.#listeners.left(this, worker.exitedAfterDisconnect === true));
    worker.process.once('exit', () => {
      this.#listeners.left(this, worker.exitedAfterDisconnect === true);
      this.abandon();
    });
    // It could not be started.
    worker.process.once('error', () => {
      if (worker.process.pid === undefined) this.abandon();
    });
  }

  /** The worker has its ends, or never will. */
  handOver(): void {
    for (const fd of this.#theirs) this.#native.closeFd(fd);
  }

  reply(id: number, text: string, fds: readonly Fd[]): ReplyResult {
    if (this.#replies === undefined) return 'gone';
    return this.#native.sendFds(this.#replies, { tag: id, text, fds });
  }

  /** One that boots has nothing that is idle. */
  stop(): void {
    if (this.#ready) this.#channel.send({ type: 'drain', reason: 'stop', timeout: NEVER });
  }

  look(): void {
    if (this.#inLine !== undefined) this.#channel.send({ type: 'look' });
  }

  lease(listener: OpenListener): OpenListener {
    return listener;
  }

  /** The process is gone. */
  abandon(): void {
    this.state = 'exited';
    this.#channel.close();
    if (this.#replies !== undefined) this.#native.closeFd(this.#replies);
    this.#replies = undefined;
    this.#listeners.gone(this, this.#inLine);
    this.#gone.resolve();
  }
}
