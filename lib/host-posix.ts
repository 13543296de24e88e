/** The master's hands on Linux and macOS: native spawn, descriptors, signals. */

import type { ChildProcess } from 'node:child_process';
import { closeSync, constants as fsConstants, openSync } from 'node:fs';
import { constants } from 'node:os';
import { StringDecoder } from 'node:string_decoder';
import { native } from './addon.js';
import { Channel } from './channel.js';
import type { Program } from './command.js';
import { buildCommand, logicalCwd } from './command.js';
import { descendsFrom } from './descent.js';
import type { Host, Launch, ProcessExit, Timer, WorkerProcess, WorkerProcessEvents } from './host.js';
import type { OpenListener } from './listeners.js';
import { openListeners } from './listeners.js';
import type { ListenPlan } from './options.js';
import type { PipedStream } from './pass-on.js';
import { passOn } from './pass-on.js';
import type { MasterMessage, WorkerMessage } from './protocol.cjs';
import type { Command, Logger, QueueStatus, Sharing } from './types.js';
import { TIMER_MAX } from './validate.js';
import { openWorkerStdio } from './worker-stdio.js';

/**
 * After the exit of a worker everything it sent is already in our buffers; end-of-file follows unless a process that it started
 * still holds a copy of the descriptor. That one is not waited for longer than this, in milliseconds.
 */
const LAST_WORDS = 200;
/** Zombies that are not ours are left to their owner for this long, in milliseconds. */
const STRANGER_AGE = 1_000;

/** Backwards, because a number with two names goes by the one that comes first, as child_process has it: SIGABRT, not SIGIOT. */
const SIGNAL_NAMES = new Map(
  Object.entries(constants.signals)
    .toReversed()
    .map(([name, number]) => [number, name as NodeJS.Signals]),
);

type MasterChannel = Channel<WorkerMessage, MasterMessage>;

export class PosixHost implements Host {
  readonly pid = process.pid;
  readonly features = native.features;
  readonly #program: Program;
  /** Native children that are not reaped yet. */
  readonly #children = new Set<number>();

  constructor() {
    // Taken at the start: the program may change its directory and environment later.
    this.#program = {
      execPath: process.execPath,
      execArgv: process.execArgv,
      argv: process.argv,
      env: process.env,
      cwd: logicalCwd(process.env, process.cwd()),
      physicalCwd: process.cwd(),
    };
  }

  now(): number {
    return performance.now();
  }

  after(ms: number, action: () => void): Timer {
    // More than a timer holds would fire at once; 24 days are for ever to everybody who waits here.
    const timer = setTimeout(action, Math.min(ms, TIMER_MAX));
    return { cancel: () => clearTimeout(timer) };
  }

  openListeners(plans: readonly ListenPlan[], sharing: Sharing, log: Logger): Promise<OpenListener[]> {
    return openListeners(plans, { native, sharing, log, env: process.env, pid: process.pid });
  }

  queueDepth(listener: OpenListener): Omit<QueueStatus, 'name'> | undefined {
    if (listener.fd === null || listener.address.family === 'unix' || !this.features.queueDepth) return undefined;
    return native.queueDepth(listener.fd);
  }

  async spawn(launch: Launch, events: WorkerProcessEvents): Promise<WorkerProcess> {
    const [ours, theirs] = native.socketPair();
    const worker = new PosixWorker(ours, events);
    try {
      const command = buildCommand(launch, this.#program, theirs);
      if (launch.commandProducer === undefined) {
        this.#start(worker, launch, command);
      } else {
        const { produce } = await import('./producer.js');
        worker.adopt(await produce(launch.commandProducer, command));
        // libuv clears O_NONBLOCK on descriptors that it hands on as stdio, and the flag is shared with every other copy.
        for (const file of command.files) native.setNonBlocking(file.fd);
      }
      return worker;
    } catch (error) {
      worker.abandon();
      throw error;
    } finally {
      native.closeFd(theirs);
    }
  }

  #start(worker: PosixWorker, launch: Launch, command: Command): void {
    const { uid, gid, groups } = identityOf(launch.settings);
    const stdio = openWorkerStdio(native, command.stdio);
    try {
      const child = native.spawn(
        {
          file: command.file,
          args: [command.file, ...command.args],
          env: Object.entries(command.env).map(([key, value]) => `${key}=${value}`),
          fds: stdio.fds,
          dieWithParent: true,
          listenPid: true,
          ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
          ...(uid === undefined ? {} : { uid }),
          ...(gid === undefined ? {} : { gid }),
          ...(groups === undefined ? {} : { groups }),
        },
        (exit) => {
          this.#children.delete(child.pid);
          worker.ended({ code: exit.code, signal: exit.signal === null ? null : signalName(exit.signal) });
        },
      );
      this.#children.add(child.pid);
      worker.started(child.pid, (signal) => child.kill(constants.signals[signal]));
      for (const { target, stream } of stdio.outputs) worker.listenTo(target, stream);
    } catch (error) {
      stdio.abandon();
      throw error;
    } finally {
      stdio.release();
    }
  }

  onSignal(signal: NodeJS.Signals, action: () => void): () => void {
    process.on(signal, action);
    return () => process.off(signal, action);
  }

  hasControllingTerminal(): boolean {
    try {
      // tty(4): opening /dev/tty fails with ENXIO in a process without a controlling terminal.
      closeSync(openSync('/dev/tty', fsConstants.O_RDONLY | fsConstants.O_NOCTTY));
      return true;
    } catch {
      return false;
    }
  }

  reapStrangers(): () => void {
    if (process.pid !== 1) return () => {};
    let timer: NodeJS.Timeout | undefined;
    const look = () => {
      timer = undefined;
      if (native.reapStrangers([...this.#children])) timer = setTimeout(look, STRANGER_AGE).unref();
    };
    // libuv multiplexes SIGCHLD, so child_process goes on working beside this.
    const onChild = () => {
      if (timer === undefined) look();
    };
    process.on('SIGCHLD', onChild);
    return () => {
      process.off('SIGCHLD', onChild);
      clearTimeout(timer);
    };
  }
}

function signalName(number: number): NodeJS.Signals {
  // Real-time signals have no name in Node.
  return SIGNAL_NAMES.get(number) ?? (`SIG${number}` as NodeJS.Signals);
}

/** setuid alone would leave the master's groups to the worker: the user's own belong to the user id. */
function identityOf(settings: Launch['settings']): { uid?: number; gid?: number; groups?: readonly number[] } {
  const { uid, gid, groups } = settings;
  const user = uid === undefined ? undefined : native.userGroups(uid);
  const ownGid = gid ?? user?.gid ?? uid;
  const ownGroups = groups ?? user?.groups ?? (uid === undefined || ownGid === undefined ? undefined : [ownGid]);
  return {
    ...(uid === undefined ? {} : { uid }),
    ...(ownGid === undefined ? {} : { gid: ownGid }),
    ...(ownGroups === undefined ? {} : { groups: ownGroups }),
  };
}

/** One process behind a control channel, started natively or by a `commandProducer`. */
class PosixWorker implements WorkerProcess {
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

  constructor(controlFd: number, events: WorkerProcessEvents) {
    this.#events = events;
    this.#channel = new Channel<WorkerMessage, MasterMessage>(controlFd, {
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

  adopt(child: ChildProcess): void {
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
    this.#lastWords = setTimeout(() => this.#tell(), LAST_WORDS);
    this.#settle();
  }

  /** The process never came to be. */
  abandon(): void {
    this.#told = true;
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
