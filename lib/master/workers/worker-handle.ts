/** One worker as the master sees it, from its spawn to its reap. */

import { deferred } from '../../common/deferred.js';
import type { WorkerExit } from '../../common/errors.js';
import { PreforkError, show } from '../../common/errors.js';
import { inWords, isError } from '../../common/in-words.cjs';
import type {
  BootError,
  DrainReason,
  InitMessage,
  MasterMessage,
  Ping,
  WorkerMessage,
} from '../../protocol/protocol.cjs';
import type { ProcessExit, SlotSocket, WorkerProcess, WorkerProcessEvents } from '../../system/system.js';
import type { WorkerInfo, WorkerState } from '../../types.js';
import { bootFailure } from './boot-failure.js';

/** How much of a worker's stderr an error quotes. */
const STDERR_LINES = 20;
const STDERR_CHARS = 8_192;

/** What a worker says to the rest of the fleet: the handle passes it on as it is. */
export type Heard = Extract<
  WorkerMessage,
  {
    type: 'adoption-failed' | 'paused-accepting' | 'resumed-accepting' | 'wants-replacement' | 'answered' | 'message';
  }
>;

export interface WorkerHandleEvents {
  /** The worker can serve. */
  ready(): void;
  /** The worker drains because of a signal that did not come from the master. */
  draining(signal: NodeJS.Signals): void;
  /** What does not change the state of the worker. */
  hear(message: Heard): void;
  /** The state has changed: to ready, draining or exited. */
  changed?(): void;
  /** The fleet stops, and the worker accepts nothing any more. */
  closed?(): void;
  /** The worker has closed its channel. Unless it ends now, which is what that looks like at first, it is {@link WorkerHandle.deaf}. */
  cut?(): void;
  /** In words that follow its name: a signal that could not be sent, messages that it does not read, a protocol that it broke. */
  trouble?(what: string): void;
  exit(exit: WorkerExit): void;
}

export interface WorkerPlace {
  readonly slot: number;
  readonly generation: number;
}

export class WorkerHandle implements WorkerProcessEvents {
  readonly place: WorkerPlace;
  readonly info: WorkerInfo;
  readonly #events: WorkerHandleEvents;
  readonly #now: () => number;
  readonly #startedAt = new Date();
  readonly #spawnedAt: number;
  #process: WorkerProcess | undefined;
  #state: WorkerState = 'starting';
  #readyAt: Date | undefined;
  /** On the monotonic clock: from when to when it was ready. */
  #readySince: number | undefined;
  #readyUntil: number | undefined;
  #bootError: BootError | undefined;
  #stderr = '';
  #exit: WorkerExit | undefined;
  readonly #gone = deferred();
  readonly #left = deferred();
  readonly #blameless = deferred<boolean>();
  /** The worker has spoken on its channel, so it hears what is said there. */
  #speaks = false;
  /** Something in the worker hears messages of the user, or they have room there. */
  #hearing = true;
  /** Slots whose sockets it was given, and has not been heard of since. */
  readonly #asked = new Set<number>();
  /** As the worker says itself: behind a wrapper another one than {@link pid}. */
  #servingPid: number | undefined;
  /** It stands in line with the others. */
  #inLine = false;
  /** The worker has said that it accepts nothing any more. */
  #closed = false;
  /** The worker has closed its channel, and goes on. */
  #deaf = false;
  /** The master asked for the exit. */
  requested = false;
  /** Why the master killed it, in words that follow its name. */
  killedBecause: string | undefined;
  /** Set when a signal made the worker drain that did not come from the master. */
  drainedBy: NodeJS.Signals | undefined;

  /** Whether the worker accepts from a queue that no successor has. */
  superseded: () => boolean = () => false;

  constructor(place: WorkerPlace, now: () => number, events: WorkerHandleEvents) {
    this.place = place;
    this.#now = now;
    this.#events = events;
    this.#spawnedAt = now();
    this.info = new LiveInfo(this, place, this.#startedAt);
  }

  /** The process exists. What it may have said before comes first. */
  attach(process: WorkerProcess, init: InitMessage): void {
    this.#process = process;
    process.send(init);
    // It was given up while it was being spawned.
    if (this.killedBecause !== undefined) this.kill('SIGKILL');
    else if (this.requested) this.kill('SIGTERM');
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** The process that serves: a wrapper (`sh -c`) may be in front of it. */
  get servingPid(): number {
    const said = this.#servingPid ?? this.pid;
    // A pid from another namespace is the number of a stranger here.
    return this.#process?.isAncestorOf?.(said) === true ? said : this.pid;
  }

  get state(): WorkerState {
    return this.#state;
  }

  get readyAt(): Date | undefined {
    return this.#readyAt;
  }

  /** Whether the worker ever became ready: what ends before that is a boot failure. */
  get booted(): boolean {
    return this.#readyAt !== undefined;
  }

  /** Milliseconds that the worker has been ready, or was ready until it drained or ended. */
  get readyFor(): number {
    if (this.#readySince === undefined) return 0;
    return (this.#readyUntil ?? this.#now()) - this.#readySince;
  }

  /** `worker 3 (pid 4711, generation 0)`, as in every log line. */
  toString(): string {
    return `worker ${this.place.slot} (pid ${this.pid}, generation ${this.place.generation})`;
  }

  /** Whether it may still accept. Of a program that speaks no channel the master does not know: it has its own copy of the socket. */
  get accepts(): boolean {
    return this.#speaks && !this.#closed && this.#state !== 'exited';
  }

  /** Settles when the worker drains, or has ended. */
  get left(): Promise<void> {
    return this.#left.promise;
  }

  /** Settles after the end: true when that was a signal to everybody which the worker could not know yet how to take. */
  get blameless(): Promise<boolean> {
    return this.#blameless.promise;
  }

  judged(blameless: boolean): void {
    this.#blameless.resolve(blameless);
  }

  /** Settles when the process is reaped. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  /** Why a worker that has ended, or drains on a signal that the master did not send, never took its slot over; `undefined` otherwise. */
  get failure(): PreforkError | undefined {
    if (this.#exit !== undefined) return bootFailure(this, this.#exit);
    if (this.drainedBy === undefined) return undefined;
    const message = `${this} got ${this.drainedBy}, not from the master, and drains, before it took its slot over`;
    return new PreforkError('ERR_PREFORK_BOOT_FAILED', message);
  }

  /** The error that the worker reported while it booted. */
  bootCause(): Error | undefined {
    if (this.#bootError === undefined) return undefined;
    const { name, message, stack, code } = this.#bootError;
    const error = new Error(message);
    error.name = name;
    if (stack !== undefined) error.stack = stack;
    return code === undefined ? error : Object.assign(error, { code });
  }

  becomeReady(): void {
    if (this.#state !== 'starting') return;
    this.#readyAt = new Date();
    this.#readySince = this.#now();
    this.#stderr = '';
    this.#become('ready');
    this.#events.ready();
  }

  #become(state: WorkerState): void {
    if (this.#state === state) return;
    this.#state = state;
    if (state === 'draining' || state === 'exited') {
      this.#readyUntil ??= this.#now();
      this.#left.resolve();
    }
    this.#events.changed?.();
  }

  send(data: unknown, message: MasterMessage = { type: 'message', data }): boolean {
    return this.#hearing && (this.#process?.send(message) ?? false);
  }

  /** Asks for an `answered`. False, and nothing is sent, unless the worker is ready and has spoken on its channel. */
  ping(ping: Ping): boolean {
    if (this.#state !== 'ready' || !this.#speaks) return false;
    return this.#process?.send({ type: 'ping', ...ping }) ?? false;
  }

  /** A connection may be waiting that was meant for another worker. */
  look(): void {
    if (this.#state === 'ready' && this.#inLine) this.#process?.send({ type: 'look' });
  }

  /** Gives the worker the sockets of another slot to accept from. False when it could not be told. */
  adopt(slot: number, sockets: readonly SlotSocket[]): boolean {
    const asked = this.#state === 'ready' && (this.#process?.adopt(slot, sockets) ?? false);
    if (asked) this.#asked.add(slot);
    return asked;
  }

  /** The other slot's own worker accepts again. */
  release(slot: number): void {
    this.#asked.delete(slot);
    this.#process?.send({ type: 'release', slot });
  }

  /** Asks the worker to finish: on the channel when it listens there, by SIGTERM when it does not. */
  drain(reason: DrainReason, timeout: number, sealed = false): void {
    if (this.#state === 'exited') return;
    const hears = this.#speaks && this.#state !== 'starting';
    this.requested = true;
    this.#become('draining');
    // A channel that is closed is that of a worker that has drained already, on a signal that its whole group got, and ends now.
    // SIGTERM would meet it without a handler, and make a proper end look like a violent one:
    //     worker: drains, closes handlers and channel     master: send → EPIPE, kill(SIGTERM)     worker: exit(0), too late
    const particulars = { ...(this.superseded() && { queued: true }), ...(sealed && { sealed }) };
    if (hears && !this.#deaf) this.#process?.send({ type: 'drain', reason, timeout, ...particulars });
    else this.kill('SIGTERM');
  }

  /** Never throws. False when it has ended already; the error where the master may not signal it (EPERM), which is reported. */
  kill(signal: NodeJS.Signals): boolean | Error {
    try {
      return this.#process?.kill(signal) ?? false;
    } catch (error) {
      const why = `cannot be sent ${signal}: ${inWords(error)}`;
      this.#events.trouble?.(`${why}; it ends by itself when it notices that the master is gone`);
      return isError(error) ? error : new Error(why, { cause: error });
    }
  }

  /** No signal ends it, and the master waits no longer. */
  letGo(): void {
    this.#process?.letGo();
  }

  broke(line: string): void {
    // It is being killed, perhaps for that.
    if (this.killedBecause !== undefined || this.#state === 'exited') return;
    this.killedBecause = 'broke the protocol of the control channel';
    this.#events.trouble?.(`${this.killedBecause} and is killed; it said ${show(line)}`);
    this.kill('SIGKILL');
  }

  cut(): void {
    if (this.#speaks && this.#state !== 'exited') this.#events.cut?.();
  }

  /** It serves on, and hears signals only: the next one in its slot is to take over. */
  deaf(): void {
    if (this.#state === 'exited' || this.killedBecause !== undefined) return;
    this.#deaf = true;
    if (this.#state === 'ready')
      this.#events.hear({ type: 'wants-replacement', reason: 'it has closed its control channel' });
    // It may not have heard the wish.
    else if (this.drainedBy === undefined) this.kill('SIGTERM');
  }

  full(waiting: number): void {
    const megabytes = (waiting / 1024 / 1024).toFixed(1);
    this.#events.trouble?.(
      `does not read its messages: ${megabytes} MB wait, and send() is false until it has read some of them`,
    );
  }

  message(message: WorkerMessage): void {
    switch (message.type) {
      case 'became-ready':
        // Once, and not from a worker that is being killed: whatever comes later is not what it was started as.
        if (this.#speaks || this.killedBecause !== undefined) return;
        this.#speaks = true;
        this.#servingPid = message.pid;
        this.#inLine = message.inLine === true;
        this.becomeReady();
        break;
      case 'boot-failed':
        this.#bootError = message.error;
        break;
      case 'wrote-stderr':
        this.stderr(message.text);
        break;
      case 'began-draining':
        if (this.drainedBy !== undefined) return;
        this.drainedBy = message.signal;
        if (this.#state === 'ready') this.#become('draining');
        this.#events.draining(message.signal);
        break;
      case 'adoption-failed':
        if (this.#asked.delete(message.slot)) this.#events.hear(message);
        break;
      case 'wants-replacement':
        if (this.#state === 'ready') this.#events.hear(message);
        break;
      case 'changed-hearing':
        this.#hearing = message.messages;
        break;
      case 'stopped-accepting':
        if (this.#state !== 'draining') break;
        this.#closed = true;
        this.#events.closed?.();
        break;
      case 'paused-accepting':
      case 'resumed-accepting':
      case 'answered':
      case 'message':
        this.#events.hear(message);
        break;
    }
  }

  stderr(text: string): void {
    this.#stderr = (this.#stderr + text).slice(-STDERR_CHARS);
  }

  dropped(lines: number, target: 1 | 2): void {
    const what = `${lines} ${lines === 1 ? 'line' : 'lines'} of its ${target === 1 ? 'stdout' : 'stderr'}`;
    this.#events.trouble?.(`lost ${what}, because nothing read the master's`);
  }

  exit(exit: ProcessExit): void {
    this.#become('exited');
    this.#exit = {
      pid: this.pid,
      ...this.place,
      code: exit.code,
      signal: exit.signal,
      uptime: Math.round(this.#now() - this.#spawnedAt),
      stderr: this.#stderr.trimEnd().split('\n').slice(-STDERR_LINES).join('\n'),
    };
    this.#gone.resolve();
    this.#events.exit(this.#exit);
  }
}

/** What users hold: live fields, serialisable, no way to the process but `send`. */
class LiveInfo implements WorkerInfo {
  declare readonly slot: number;
  declare readonly pid: number;
  declare readonly generation: number;
  declare readonly state: WorkerState;
  declare readonly startedAt: Date;
  declare readonly readyAt?: Date;
  declare readonly send: (message: unknown) => boolean;

  constructor(handle: WorkerHandle, place: WorkerPlace, startedAt: Date) {
    const live = (get: () => unknown) => ({ get, enumerable: true });
    Object.defineProperties(this, {
      slot: { value: place.slot, enumerable: true },
      pid: live(() => handle.pid),
      generation: { value: place.generation, enumerable: true },
      state: live(() => handle.state),
      startedAt: { value: startedAt, enumerable: true },
      readyAt: live(() => handle.readyAt),
      send: { value: (message: unknown) => handle.send(message), enumerable: false },
    });
  }
}
