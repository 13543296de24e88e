/** One worker as the master sees it, from its spawn to its reap. */

import { deferred } from '../../common/deferred.js';
import { PreforkError, show } from '../../common/errors.js';
import { inWords, isError } from '../../common/in-words.cjs';
import type {
  DrainReason,
  InitMessage,
  ListeningAddress,
  MasterMessage,
  Ping,
  WorkerMessage,
} from '../../protocol/protocol.cjs';
import { monotonic } from '../../protocol/scoreboard.js';
import type { OpenListener } from '../../system/open-listener.js';
import type { ProcessExit, ReplyResult, SlotSocket, WorkerProcess, WorkerProcessEvents } from '../../system/system.js';
import type { WorkerInfo, WorkerState } from '../../types.js';
import type { Line } from '../scoreboard/lines.js';
import { bootFailure } from './boot-failure.js';
import type { WorkerHandleEvents, WorkerPlace } from './events.js';
import { Evidence } from './evidence.js';
import { Life } from './life.js';
import { LiveInfo } from './live-info.js';

export class WorkerHandle implements WorkerProcessEvents {
  readonly place: WorkerPlace;
  readonly info: WorkerInfo;
  /** Changed by this class alone. */
  readonly life: Life;
  readonly #events: WorkerHandleEvents;
  readonly #now: () => number;
  /** When its process came to be; until then, when the master began to try. */
  #startedAt = new Date();
  /** The same on the clock of the system. */
  #spawnedAt: number;
  #process: WorkerProcess | undefined;
  readonly #evidence = new Evidence();
  readonly #gone = deferred();
  /** Settles when the process is reaped. */
  readonly gone: Promise<void> = this.#gone.promise;
  readonly #done = deferred();
  /** Settles when the process is reaped, never came to be, or is waited for no longer: no timer is for it from then on. */
  readonly done: Promise<void> = this.#done.promise;
  readonly #left = deferred();
  /** Settles when the worker drains, has ended, or is waited for no longer. */
  readonly left: Promise<void> = this.#left.promise;
  readonly #blameless = deferred<boolean>();
  /** Settles after the end: true when that was a signal to the whole group that the worker could not know yet how to take. */
  readonly blameless: Promise<boolean> = this.#blameless.promise;
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
  /** Was asked to finish by a signal, as it did not speak yet. Until when, on the clock of the system. */
  #signalled: { readonly reason: DrainReason; readonly until: number; readonly sealed: boolean } | undefined;
  /** Where it counts; `undefined`: it does not. */
  line: Line | undefined;
  /** Whether the worker accepts from a queue that no successor has. */
  superseded: () => boolean = () => false;
  /** The listener as this worker has it, for as long as it has it. */
  lease: (listener: OpenListener) => OpenListener = (listener) => listener;

  constructor(place: WorkerPlace, now: () => number, events: WorkerHandleEvents) {
    this.place = place;
    this.#now = now;
    this.#events = events;
    this.#spawnedAt = now();
    this.life = new Life(now);
    this.info = new LiveInfo(this, place);
  }

  /** The process exists. What it may have said before comes first. */
  attach(process: WorkerProcess, init: InitMessage): void {
    this.#process = process;
    this.#startedAt = new Date();
    this.#spawnedAt = this.#now();
    process.send(init);
    // It was given up while it was being spawned.
    if (this.life.killedBecause !== undefined) this.kill('SIGKILL');
    else if (this.life.requested) this.kill('SIGTERM');
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  get startedAt(): Date {
    return this.#startedAt;
  }

  /** The process that serves: a wrapper (`sh -c`) may be in front of it. */
  get servingPid(): number {
    const said = this.#servingPid ?? this.pid;
    // A pid from another namespace is the number of a stranger here.
    return this.#process?.isAncestorOf?.(said) === true ? said : this.pid;
  }

  /** `host:port` where the master has put its debugger. */
  get debugger(): string | undefined {
    return this.#process?.debugger;
  }

  get state(): WorkerState {
    return this.life.state;
  }

  /** `worker 3 (pid 4711, generation 0)`, as in every log line. */
  toString(): string {
    return `worker ${this.place.slot} (pid ${this.pid}, generation ${this.place.generation})`;
  }

  /** Whether it may still accept. Of a program that speaks no channel the master does not know: it has its own copy of the socket. */
  get accepts(): boolean {
    return this.#speaks && !this.#closed && this.state !== 'exited';
  }

  judged(blameless: boolean): void {
    this.#blameless.resolve(blameless);
  }

  /** Why a worker that has ended, or drains on a signal that the master did not send, never took its slot over; `undefined` otherwise. */
  get failure(): PreforkError | undefined {
    const { exit } = this.life;
    if (exit !== undefined) return bootFailure(this, exit);
    if (this.life.drainedBy === undefined) return undefined;
    const message = `${this} got ${this.life.drainedBy}, not from the master, and drains, before it took its slot over`;
    return new PreforkError('ERR_PREFORK_BOOT_FAILED', message);
  }

  /** The error that the worker reported when it ended. */
  get bootCause(): Error | undefined {
    return this.#evidence.cause;
  }

  becomeReady(): void {
    if (!this.life.becomeReady()) return;
    this.#evidence.forgetOutput();
    this.#events.changed?.();
    this.#events.ready();
  }

  /** The worker takes no new work, or has ended. */
  #leave(): void {
    this.#left.resolve();
    this.#events.changed?.();
  }

  send(data: unknown, message: MasterMessage = { type: 'message', data }): boolean {
    return this.#hearing && (this.#process?.send(message) ?? false);
  }

  /** Asks for an `answered`. False, and nothing is sent, unless the worker is ready and has spoken on its channel. */
  ping(ping: Ping): boolean {
    if (this.state !== 'ready' || !this.#speaks) return false;
    return this.#process?.send({ type: 'ping', ...ping }) ?? false;
  }

  /** A question of the master has opened it, unless it is at one of these addresses. */
  closeInspector(before: readonly ListeningAddress[]): void {
    this.#process?.send({ type: 'close-inspector', before });
  }

  /** A connection may be waiting that was meant for another worker. */
  look(): void {
    if (this.state === 'ready' && this.#inLine) this.#process?.send({ type: 'look' });
  }

  /** Gives the worker the sockets of another slot to accept from. False when the order could not be sent. */
  adopt(slot: number, sockets: readonly SlotSocket[]): boolean {
    const asked = this.state === 'ready' && (this.#process?.adopt(slot, sockets) ?? false);
    if (asked) this.#asked.add(slot);
    return asked;
  }

  /** Answers a `wants-listener`. Throws what no second attempt would cure. */
  reply(id: number, text: string, fds: readonly number[]): ReplyResult {
    return this.state === 'exited' ? 'gone' : (this.#process?.reply?.(id, text, fds) ?? 'gone');
  }

  /** The other slot's own worker accepts again. */
  release(slot: number): void {
    this.#asked.delete(slot);
    this.#process?.send({ type: 'release', slot });
  }

  /** Asks the worker to finish: on the channel when it listens there, by SIGTERM when it does not. */
  drain(reason: DrainReason, timeout: number, sealed = false): void {
    if (this.state === 'exited') return;
    const hears = this.#speaks && this.state !== 'starting';
    this.life.request();
    if (this.life.drain()) this.#leave();
    // A channel that is closed is that of a worker that has drained already, on a signal that its whole group got, and ends now.
    // SIGTERM would meet it without a handler, and make a proper end look like a violent one:
    //     worker: drains, closes handlers and channel     master: send → EPIPE, kill(SIGTERM)     worker: exit(0), too late
    if (hears && !this.#deaf) {
      this.#order(reason, timeout, sealed);
      return;
    }
    this.#signalled = { reason, until: this.#now() + timeout, sealed };
    this.kill('SIGTERM');
  }

  /** It has been asked to drain, and has less time now. One that was asked by a signal hears of it when it is ready. */
  hasten(reason: DrainReason, timeout: number, sealed: boolean): void {
    if (this.#speaks && this.state === 'draining' && !this.#deaf) this.#order(reason, timeout, sealed);
    else if (this.#signalled !== undefined) this.#signalled = { reason, until: this.#now() + timeout, sealed };
  }

  #order(reason: DrainReason, timeout: number, sealed: boolean): void {
    const particulars = { ...(this.superseded() && { queued: true }), ...(sealed && { sealed }) };
    this.#process?.send({ type: 'drain', reason, timeout, at: monotonic(), ...particulars });
  }

  /** It drains on a signal, which the master has not got, too: no order will follow. */
  alone(): void {
    if (!this.life.requested) this.#process?.send({ type: 'alone' });
  }

  /** It has become ready all the same: the signal has come too late, or never, as behind a shell that keeps it to itself. */
  #remind(): void {
    if (this.#signalled === undefined) return;
    const { reason, until, sealed } = this.#signalled;
    this.#order(reason, Math.max(0, until - this.#now()), sealed);
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

  /** No signal ends it, and the master waits no longer; or it never came to be. */
  letGo(): void {
    this.#process?.letGo();
    this.#left.resolve();
    this.#done.resolve();
  }

  /** SIGKILL at once, because the master asked for the end and waits no longer; see {@link WorkerHandle.kill}. */
  end(): boolean | Error {
    this.life.request();
    return this.kill('SIGKILL');
  }

  /**
   * SIGKILL for a fault of the worker; see {@link WorkerHandle.kill}.
   * @param because In words that follow its name. Its exit is reported with them.
   */
  killFor(because: string): boolean | Error {
    this.life.kill(because);
    return this.kill('SIGKILL');
  }

  /** {@link WorkerHandle.killFor} failed, and the worker goes on. */
  spare(): void {
    this.life.spare();
  }

  broke(line: string): void {
    // It is being killed, perhaps for that.
    if (this.life.killedBecause !== undefined || this.state === 'exited') return;
    const fault = 'broke the protocol of the control channel';
    this.#events.trouble?.(`${fault} and is killed; it said ${show(line)}`);
    this.killFor(fault);
  }

  cut(): void {
    // Who never speaks may close it, such as a shell; but not who has still to say that it is ready. Without a process it is the channel of
    // an attempt that failed.
    const awaited = this.state === 'starting' && this.#process !== undefined;
    if ((this.#speaks && this.state !== 'exited') || awaited) this.#events.cut?.();
  }

  /** It serves on, and hears signals only: the next one in its slot is to take over. */
  deaf(): void {
    if (this.state === 'exited' || this.life.killedBecause !== undefined) return;
    this.#deaf = true;
    if (this.state === 'starting' && !this.life.requested) {
      const fault = 'closed its control channel';
      this.#events.trouble?.(`${fault} before it was ready, and is killed`);
      this.killFor(fault);
    } else if (this.state === 'ready')
      this.#events.hear({ type: 'wants-replacement', reason: 'it has closed its control channel' });
    // It may not have heard the wish.
    else if (this.life.drainedBy === undefined) this.kill('SIGTERM');
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
        if (this.#speaks || this.life.killedBecause !== undefined) return;
        this.#speaks = true;
        this.#servingPid = message.pid;
        this.#inLine = message.inLine === true;
        this.becomeReady();
        this.#remind();
        if (message.handlesSigterm === true) this.#events.handlesSigterm?.();
        break;
      case 'boot-failed':
        this.#evidence.failed(message.error);
        break;
      case 'wrote-stderr':
        this.stderr(message.text);
        break;
      case 'began-draining':
        if (!this.life.signal(message.signal)) return;
        if (this.state === 'ready' && this.life.drain()) this.#leave();
        this.#events.draining(message.signal);
        break;
      case 'adoption-failed':
        if (this.#asked.delete(message.slot)) this.#events.hear(message);
        break;
      case 'wants-replacement':
        if (this.state === 'ready') this.#events.hear(message);
        break;
      case 'changed-hearing':
        this.#hearing = message.messages;
        break;
      case 'stopped-accepting':
        if (this.state !== 'draining') break;
        this.#closed = true;
        this.#events.closed?.();
        break;
      case 'counted':
        this.line?.words.set(message.words);
        break;
      case 'paused-accepting':
      case 'resumed-accepting':
      case 'answered':
      case 'wants-listener':
      case 'released-listener':
      case 'message':
        this.#events.hear(message);
        break;
    }
  }

  stderr(text: string): void {
    this.#evidence.wrote(text);
  }

  dropped(lines: number, target: 1 | 2): void {
    const what = `${lines} ${lines === 1 ? 'line' : 'lines'} of its ${target === 1 ? 'stdout' : 'stderr'}`;
    this.#events.trouble?.(`lost ${what}, because the master's was not read fast enough`);
  }

  exit({ code, signal }: ProcessExit): void {
    const uptime = Math.round(this.#now() - this.#spawnedAt);
    const exit = { pid: this.pid, ...this.place, code, signal, uptime, stderr: this.#evidence.stderr };
    if (!this.life.end(exit)) return;
    this.#leave();
    this.#gone.resolve();
    this.#done.resolve();
    this.#events.exit(exit);
  }
}
