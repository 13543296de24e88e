/** An operating system that does what the test says, with a clock that only the test moves. */

import type { NativeBoard } from '../../lib/addon/native.cjs';
import type { Program } from '../../lib/common/program.js';
import type { ListenPlan } from '../../lib/options/settings.js';
import type { MasterMessage } from '../../lib/protocol/protocol.cjs';
import type { OpenListener } from '../../lib/system/open-listener.js';
import { SlotSockets } from '../../lib/system/slot-sockets.js';
import type {
  AskForStack,
  BlockedStack,
  Launch,
  ProcessExit,
  QueueReport,
  QueueWatch,
  SlotSocket,
  StackRequest,
  System,
  Timer,
  WorkerProcess,
  WorkerProcessEvents,
} from '../../lib/system/system.js';
import type { Features, Logger, Sharing } from '../../lib/types.js';

/** What a fake worker does by itself. */
export interface Behaviour {
  /** Report readiness as soon as it is introduced. Default: true. */
  readonly ready?: boolean;
  /** Exit 0 as soon as it is asked to finish, on the channel or by SIGTERM. Default: true. */
  obedient?: boolean;
  /** Answers no ping. */
  blocked?: boolean | undefined;
  /** SIGKILL ends it. Default: true; false: uninterruptible sleep. */
  mortal?: boolean;
  /** The master may not signal it, as where its program is set-uid. Default: false. */
  foreign?: boolean;
  /** Stand in line with the others. Default: where it was given a row of the board. */
  readonly inLine?: boolean;
}

export class FakeWorker implements WorkerProcess {
  readonly received: MasterMessage[] = [];
  readonly signals: NodeJS.Signals[] = [];
  /** Those that the master may not send. */
  readonly refused: NodeJS.Signals[] = [];
  /** Slots whose sockets it was given, and is to accept from. */
  readonly adopted = new Set<number>();
  /** It has said so. */
  isReady = false;
  /** It has closed its channel, and hears signals only. */
  deaf = false;
  /** Nothing that it says is read any more: it may not be killed for that, and can never say that it is ready. */
  mute = false;
  /** It drains on a signal that the master did not send. */
  leaves = false;
  readonly #pings: Extract<MasterMessage, { readonly type: 'ping' }>[] = [];
  #gone = false;

  constructor(
    readonly pid: number,
    readonly launch: Launch,
    readonly events: WorkerProcessEvents,
    readonly behaviour: Behaviour,
  ) {}

  send(message: MasterMessage): boolean {
    if (this.#gone) return false;
    this.received.push(message);
    if (message.type === 'release') this.adopted.delete(message.slot);
    if (message.type === 'ping') {
      this.#pings.push(message);
      if (this.behaviour.blocked !== true) queueMicrotask(() => this.#answer());
    }
    if (message.type === 'init' && this.behaviour.ready !== false) queueMicrotask(() => this.becomeReady());
    if (message.type === 'drain' && this.behaviour.obedient !== false) this.exit({ code: 0, signal: null });
    return true;
  }

  adopt(slot: number, _sockets: readonly SlotSocket[]): boolean {
    if (this.#gone) return false;
    this.adopted.add(slot);
    return true;
  }

  kill(signal: NodeJS.Signals): boolean {
    if (this.#gone) return false;
    if (this.behaviour.foreign === true) {
      this.refused.push(signal);
      throw Object.assign(new Error('kill EPERM'), { code: 'EPERM', errno: -1, syscall: 'kill' });
    }
    this.signals.push(signal);
    if (signal === 'SIGKILL' && this.behaviour.mortal !== false) this.exit({ code: null, signal });
    if (signal === 'SIGTERM' && this.behaviour.obedient !== false) this.exit({ code: null, signal });
    return true;
  }

  letGo(): void {}

  get gone(): boolean {
    return this.#gone;
  }

  #answer(): void {
    for (const ping of this.#pings.splice(0)) this.events.message({ ...ping, type: 'answered' });
  }

  /** Its event loop turns again. */
  unblock(): void {
    this.behaviour.blocked = false;
    if (!this.#gone) this.#answer();
  }

  /** From now on it does what it is asked, and what it was asked before. */
  obey(): void {
    this.behaviour.obedient = true;
    this.behaviour.mortal = true;
    this.behaviour.foreign = false;
    const signals = [...this.signals, ...this.refused];
    if (signals.includes('SIGKILL')) this.exit({ code: null, signal: 'SIGKILL' });
    else if (this.leaves || this.received.some(({ type }) => type === 'drain') || signals.includes('SIGTERM'))
      this.exit({ code: 0, signal: null });
  }

  /** Drains on a signal that the master did not send, or ends of it where it knows of none yet. */
  signalled(signal: NodeJS.Signals): void {
    if (this.#gone) return;
    if (this.isReady) {
      this.leaves = true;
      this.events.message({ type: 'began-draining', signal });
    } else this.exit({ code: null, signal });
  }

  becomeReady(): void {
    const inLine = this.behaviour.inLine ?? this.launch.board !== undefined;
    if (this.#gone || this.isReady || this.mute) return;
    this.isReady = true;
    this.events.message({ type: 'became-ready', pid: this.pid, ...(inLine && { inLine }) });
  }

  exit(exit: ProcessExit): void {
    if (this.#gone) return;
    this.#gone = true;
    queueMicrotask(() => this.events.exit(exit));
  }
}

const EVERYTHING: Features = {
  nativeSpawn: true,
  reuseport: true,
  sharding: true,
  pidfd: true,
  parentDeathSignal: true,
  unixSockets: true,
  queueDepth: true,
  exclusiveAccept: false,
  dropPrivileges: true,
  acceptLine: true,
  reasons: {},
};

/** Descriptor of the socket of slot 0. */
const FIRST_SHARD = 30;
/** Of the socket that all share. */
const SHARED = 20;
const BOARD = 21;

interface FakeTimer {
  readonly at: number;
  readonly action: () => void;
}

/**
 * Of the first worker. No process has this number or a larger one (Linux: include/linux/threads.h, PID_MAX_LIMIT): what goes past the fake meets
 * none.
 */
const FIRST_PID = 5_000_000;

export class FakeSystem implements System {
  readonly pid = 1_000;
  readonly program: Program = {
    execPath: '/usr/bin/node',
    execArgv: [],
    argv: ['/usr/bin/node', '/nowhere/server.mjs'],
    env: {},
    cwd: '/nowhere',
    physicalCwd: '/nowhere',
    cwdIsNamed: true,
    isSingleExecutable: false,
    preload: () => '/nowhere/preload.cjs',
  };
  readonly features: Features;
  readonly workers: FakeWorker[] = [];
  readonly handlers = new Map<NodeJS.Signals, Set<() => void>>();
  /** Called for every spawn, in order from 0; what it throws the spawn throws. */
  behave: (index: number, launch: Launch) => Behaviour = () => ({});
  terminal = false;
  spawnAttempts = 0;
  /** The listeners were opened. */
  opened = false;
  closedListeners = 0;
  /** Sockets of the listeners, each as often as it was closed. */
  readonly closedFds: number[] = [];
  openError: unknown;
  /** Slots whose queues are not empty, under `'sharded'`. */
  readonly queued = new Set<number>();
  /** What the master asked of the kernel: the slots that get new connections, joined by commas. */
  readonly steered: string[] = [];
  /** Slots whose sockets hear no client. */
  readonly deaf = new Set<number>();
  /** Slots whose queues were to be watched again. */
  readonly rearmed: number[] = [];
  /** What happened to the memory that workers share, where `features.exclusiveAccept`: `open`, `take 0`, `clear 0`, `close`. */
  readonly board: string[] = [];
  boardError: unknown;
  watchError: unknown;
  /** How many workers it has a place for. */
  boardRows = 1_023;
  /** Milliseconds that a process has waited for a CPU. */
  readonly starved = new Map<number, number>();
  /** What a blocked worker is found at. */
  stack: BlockedStack = { unavailable: 'in native code' };
  /** Who was asked for its stack, and what was known of it. */
  readonly askedForStack: (StackRequest & { readonly pid: number })[] = [];
  #onWaiting: ((reports: readonly QueueReport[]) => void) | undefined;
  #time = 0;
  readonly #timers = new Set<FakeTimer>();

  readonly openBoard = (): NativeBoard => {
    if (this.boardError !== undefined) throw this.boardError;
    this.board.push('open');
    return {
      fd: BOARD,
      rows: this.boardRows,
      take: (row) => void this.board.push(`take ${row}`),
      clear: (row) => void this.board.push(`clear ${row}`),
      close: () => void this.board.push('close'),
    };
  };

  constructor(features: Partial<Features> = {}) {
    this.features = { ...EVERYTHING, ...features };
  }

  now(): number {
    return this.#time;
  }

  after(ms: number, action: () => void): Timer {
    const timer = { at: this.#time + ms, action };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  get pendingTimers(): number {
    return this.#timers.size;
  }

  /**
   * Moves the clock, runs the timers that are due in their order, and lets everything that follows from them happen.
   * @param enough True: it stops there.
   */
  async advance(ms: number, enough = () => false): Promise<void> {
    const target = this.#time + ms;
    await settle();
    for (;;) {
      if (enough()) return;
      const next = [...this.#timers].sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > target) break;
      this.#timers.delete(next);
      this.#time = Math.max(this.#time, next.at);
      next.action();
      await settle();
    }
    this.#time = target;
  }

  /** Moves the clock without running anything: the process, or the machine, was stopped. */
  freeze(ms: number): void {
    this.#time += ms;
  }

  async openDoor(): Promise<never> {
    throw new Error('A fake system has no door');
  }

  async openListeners(
    _plans: readonly ListenPlan[],
    sharing: Sharing,
    slots: number,
    log: Logger,
  ): Promise<OpenListener[]> {
    if (this.openError !== undefined) throw this.openError;
    this.opened = true;
    const address = { name: '0', family: 'IPv4', address: '127.0.0.1', port: 8_080 } as const;
    const wire = { ...address, boundAs: address.address, backlog: 4_096, ipv6Only: false };
    let closed = false;
    const close = () => {
      if (!closed) this.closedListeners++;
      closed = true;
    };
    const closeFd = (one: number) => void this.closedFds.push(one);
    if (sharing !== 'sharded') {
      const closeShared = () => {
        if (!closed) closeFd(SHARED);
        close();
      };
      return [{ address, fd: SHARED, wire, close: closeShared }];
    }
    const steer = ({ live }: { readonly live: readonly number[] }) => void this.steered.push(live.join());
    let fd = FIRST_SHARD;
    const deafenListener = (fd: number, deaf: boolean): void => {
      if (deaf) this.deaf.add(fd - FIRST_SHARD);
      else this.deaf.delete(fd - FIRST_SHARD);
    };
    const shards = new SlotSockets({ steer, deafenListener, closeFd }, log, () => fd++);
    shards.grow(slots);
    const closeAll = () => {
      shards.close();
      close();
    };
    return [{ address, fd: null, shards, wire, close: closeAll }];
  }

  readonly queues = {
    depth: (fd: number) => ({ depth: this.queued.has(fd - FIRST_SHARD) ? 1 : 0, limit: 4_096 }),
    watch: (onWaiting: (reports: readonly QueueReport[]) => void) => this.#watchQueues(onWaiting),
  };

  #watchQueues(onWaiting: (reports: readonly QueueReport[]) => void): QueueWatch {
    if (this.watchError !== undefined) throw this.watchError;
    this.#onWaiting = onWaiting;
    return {
      add: () => {},
      remove: () => {},
      rearm: (fd) => void this.rearmed.push(fd - FIRST_SHARD),
      close: () => {
        this.#onWaiting = undefined;
      },
    };
  }

  /** Connections have been waiting at these slots for as long as the watch waits. */
  wait(...slots: number[]): void {
    for (const slot of slots) this.queued.add(slot);
    this.#onWaiting?.(slots.map((slot) => ({ fd: FIRST_SHARD + slot })));
  }

  /** Connections have been waiting at the socket that all share. */
  waitShared(): void {
    this.#onWaiting?.([{ fd: SHARED }]);
  }

  async loadAskForStack(): Promise<AskForStack> {
    return async (pid, request) => {
      this.askedForStack.push({ pid, ...request });
      return this.stack;
    };
  }

  cpuWait(pid: number): number {
    return this.starved.get(pid) ?? 0;
  }

  async spawn(launch: Launch, events: WorkerProcessEvents): Promise<WorkerProcess> {
    const behaviour = this.behave(this.spawnAttempts++, launch);
    const worker = new FakeWorker(FIRST_PID + this.workers.length, launch, events, behaviour);
    this.workers.push(worker);
    return worker;
  }

  onSignal(signal: NodeJS.Signals, action: () => void): () => void {
    const set = this.handlers.get(signal) ?? new Set();
    this.handlers.set(signal, set.add(action));
    return () => void set.delete(action);
  }

  signal(signal: NodeJS.Signals): void {
    for (const action of this.handlers.get(signal) ?? []) action();
  }

  hasControllingTerminal(): boolean {
    return this.terminal;
  }
}

/** Lets every promise callback run that does not wait for a timer or for the kernel. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}
