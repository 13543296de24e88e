/** The master's hands on Linux and macOS: native spawn, descriptors, signals. */

import { constants } from 'node:os';
import { native as addon } from '../../addon/addon.js';
import { isLinux, posix } from '../../addon/narrow.cjs';
import type { LinuxAddon, NativeChild, NativeExit, PosixAddon } from '../../addon/native.cjs';
import { PreforkError } from '../../common/errors.js';
import { endWithoutReader } from '../../common/guard-output.cjs';
import type { Log } from '../../common/log.js';
import { memoryUsage } from '../../common/memory.js';
import type { ListenPlan } from '../../options/settings.js';
import type { Sharing } from '../../types.js';
import { CommonSystem } from '../common.js';
import type { WorkerCommand } from '../launch/command.js';
import { buildCommand, producersCommand } from '../launch/command.js';
import type { DebugPort } from '../launch/debug-ports.js';
import { mayInspect } from '../launch/debugger.js';
import { HELD } from '../listeners/held-here.js';
import { openListeners } from '../listeners/open.js';
import type { OpenListener } from '../open-listener.js';
import type {
  AskForStack,
  Door,
  DoorPlace,
  Launch,
  OpeningOptions,
  System,
  WorkerProcess,
  WorkerProcessEvents,
} from '../system.js';
import type { HeadStart } from './head-start.js';
import { type Identity, identityOf, variablesOf } from './identity.js';
import { executable } from './own-binary.js';
import { queuesOf } from './queues.js';
import { runDelay } from './run-delay.js';
import { openWorkerStdio } from './stdio.js';
import { PosixProcess } from './worker-process.js';

/** Bytes: collecting a small heap takes about 20 ms at the most, and what the start has left there is a good part of it. */
const SMALL_HEAP = 8_000_000;
/** Zombies that are not ours are left to their owner for this long, in milliseconds. */
const STRANGER_AGE = 1_000;

/** Backwards, because a number with two names goes by the one that comes first, as child_process has it: SIGABRT, not SIGIOT. */
const SIGNAL_NAMES = new Map(
  Object.entries(constants.signals)
    .toReversed()
    .map(([name, number]) => [number, name as NodeJS.Signals]),
);

export class PosixSystem extends CommonSystem implements System {
  readonly #native = posix(addon);
  readonly #linux = isLinux(addon) ? addon : undefined;
  /** Native children that are not reaped yet. */
  readonly #children = new Set<number>();

  readonly #headStart: HeadStart | undefined;

  readonly seal = this.#linux?.sealListener;
  readonly divert = this.#linux && diversionBy(this.#linux);
  readonly openBoard = this.#linux?.makeBoard;
  readonly openScoreboard = this.#native.makeScoreboard;
  readonly usage = this.#native.usage;
  readonly queues = this.#linux && queuesOf(this.#linux);

  readonly notify = this.#linux?.notify;
  readonly openWitness = this.#linux && (async () => (await import('./witness.js')).openWitness(this.#native));

  /** @param headStart What is there already, for the first that wants it. */
  constructor(headStart?: HeadStart) {
    super();
    this.#headStart = headStart;
  }

  openListeners(
    plans: readonly ListenPlan[],
    sharing: Sharing,
    slots: number,
    log: Log,
    more: OpeningOptions = {},
  ): Promise<OpenListener[]> {
    const open = this.#headStart?.listeners?.(plans);
    if (open !== undefined) return Promise.resolve(open);
    const { env, pid } = process;
    return openListeners(plans, { ...more, native: this.#native, sharing, slots, log, env, pid, held: HELD });
  }

  async openDoor(place: DoorPlace): Promise<Door> {
    return await (await import('../doors/posix.js')).openDoor(this.#native, place);
  }

  dismiss(): Promise<void> | undefined {
    return this.#headStart?.end();
  }

  settle(): void {
    const memory = memoryUsage();
    this.#linux?.releaseFreeMemory(memory !== undefined && memory.heapUsed < SMALL_HEAP);
  }

  async loadAskForStack(): Promise<AskForStack> {
    return (await import('../inspector/blocked-stack.js')).blockedStack;
  }

  cpuWait(pid: number): number | undefined {
    return runDelay(pid);
  }

  async spawn(launch: Launch, events: WorkerProcessEvents): Promise<WorkerProcess> {
    const [ours, theirs] = this.#headStart?.control?.() ?? this.#native.socketPair();
    const handedOver = [theirs];
    let worker: PosixProcess | undefined;
    let debugPort: DebugPort | undefined;
    try {
      worker = new PosixProcess(this.#native, ours, events, launch.shape);
      const { settings, program } = launch;
      const adoption = launch.adopts ? worker.openAdoption() : undefined;
      if (adoption !== undefined) handedOver.push(adoption);
      const reply = launch.asks ? worker.openReplies() : undefined;
      if (reply !== undefined) handedOver.push(reply);
      if (mayInspect([...(settings.execArgv ?? []), ...program.execArgv], settings.env ?? program.env)) {
        debugPort = (await import('../launch/debug-ports.js')).debugPortOf(launch, this.#native);
        worker.debugger = debugPort?.place;
      }
      const user = settings.uid === undefined ? undefined : this.#native.findUser(settings.uid);
      const identity = variablesOf(settings, user);
      const command = buildCommand(launch, theirs, adoption, { debugPort: debugPort?.port, identity, reply });
      if (launch.commandProducer === undefined) {
        this.#start(worker, command, identityOf(settings, user));
      } else {
        const { produce } = await import('../launch/producer.js');
        worker.attach(await produce(launch.commandProducer, producersCommand(command)));
        // libuv clears O_NONBLOCK on descriptors that it hands on as stdio, and the flag is shared with every other copy.
        for (const file of command.files) this.#native.setNonBlocking(file.fd);
      }
      debugPort?.heldBy(worker);
      return worker;
    } catch (error) {
      debugPort?.release();
      worker?.abandon();
      throw error;
    } finally {
      for (const fd of handedOver) this.#native.closeFd(fd);
    }
  }

  /** A terminal that has hung up fails every write, and Node 20 aborts when it cannot give its settings back (nodejs/node#58200). */
  override onSignal(signal: NodeJS.Signals, action: () => void): () => void {
    if (signal === 'SIGHUP') {
      return super.onSignal(signal, () => {
        leaveDeadTerminals(this.#native);
        action();
      });
    }
    if (signal !== 'SIGTTIN' && signal !== 'SIGTTOU') return super.onSignal(signal, action);
    // The kernel sends them to a background job that touches its terminal: a handler alone would make an endless loop of its write(2).
    if (this.#linux === undefined) return this.hasControllingTerminal() ? () => {} : super.onSignal(signal, action);
    const undo = super.onSignal(signal, action);
    this.#linux.leaveToJobControl(constants.signals[signal]);
    return undo;
  }

  #start(worker: PosixProcess, command: WorkerCommand, identity: Identity): void {
    // The addon does not ask Node, and the program may have given the permission back since the start.
    if (this.permission?.has('child') === false) {
      throw new PreforkError(
        'ERR_PREFORK_UNSUPPORTED',
        "the program has given back the permission to start processes: process.permission.drop('child')",
      );
    }
    leaveDeadTerminals(this.#native);
    const onExit = ({ code, signal }: NativeExit): void => {
      this.#children.delete(worker.pid);
      worker.ended({ code, signal: signal === null ? null : signalName(signal) });
    };
    const early = identity.uid === undefined && identity.gid === undefined && this.#headStart?.claim(command, onExit);
    if (early) {
      this.#started(worker, early);
      return;
    }
    const stdio = openWorkerStdio(this.#native, command.stdio);
    try {
      const child = this.#native.spawn(
        {
          file: executable(command.file, this.program.execPath),
          args: [command.file, ...command.args],
          env: command.environment,
          fds: stdio.fds,
          dieWithParent: true,
          listenPid: true,
          ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
          ...identity,
        },
        onExit,
      );
      this.#started(worker, child);
      for (const { target, stream } of stdio.outputs) worker.listenTo(target, stream);
    } catch (error) {
      stdio.abandon();
      throw error;
    } finally {
      stdio.release();
    }
  }

  #started(worker: PosixProcess, child: NativeChild): void {
    this.#children.add(child.pid);
    worker.started(
      child.pid,
      (signal) => child.kill(constants.signals[signal]),
      () => child.unref(),
    );
  }

  hasControllingTerminal(): boolean {
    return this.#native.hasControllingTerminal();
  }

  reapStrangers(): () => void {
    const native = this.#linux;
    // No process that is ours to start has this number anywhere else.
    if (process.pid !== 1 || native === undefined) return () => {};
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

function diversionBy(native: Pick<LinuxAddon, 'divertNewcomers' | 'closeFd'>) {
  return (fds: readonly number[]): (() => void) => {
    const fd = native.divertNewcomers(fds);
    return () => native.closeFd(fd);
  };
}

let watchesExit = false;

function leaveDeadTerminals(native: PosixAddon): void {
  native.replaceDeadTerminals();
  if (watchesExit) return;
  watchesExit = true;
  endWithoutReader(native);
  process.on('exit', () => void native.replaceDeadTerminals());
}

function signalName(number: number): NodeJS.Signals {
  // Real-time signals have no name in Node.
  return SIGNAL_NAMES.get(number) ?? (`SIG${number}` as NodeJS.Signals);
}
