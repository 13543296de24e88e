/**
 * The seam to the operating system. Everything above it decides, everything below it acts: unit tests of the master put a
 * fake here, other systems another implementation.
 */

import type { Server } from 'node:net';
import type { BoardPlace, NativeBoard, NativeScoreboard, Notice } from '../addon/native.cjs';
import type { Log } from '../common/log.js';
import type { Permission } from '../common/node-permission.js';
import type { Program } from '../common/program.js';
import type { Timer } from '../common/timers.js';
import type { Shape } from '../common/worker-lines.js';
import type { LaunchSettings, ListenPlan } from '../options/settings.js';
import type { InspectorPort, ListeningAddress, MasterMessage, WorkerMessage } from '../protocol/protocol.cjs';
import type { Features, PreforkOptions, Sharing } from '../types.js';
import type { OpenListener } from './open-listener.js';

export type { Timer };

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What a worker process reports while it lives. */
export interface WorkerProcessEvents {
  message(message: WorkerMessage): void;
  /** Bytes of a piped stderr, as text. */
  stderr(text: string): void;
  /** What it said is no message of the protocol, and begins with this: it is not heard any more. */
  broke(line: string): void;
  /** Its end of the channel was closed before it ended: it may be about to. */
  cut?(): void;
  /** Once: a user's message was refused, because so many bytes wait for it to read. */
  full(waiting: number): void;
  /** So many lines of its piped output were not passed on, because nothing read the master's own. */
  dropped(lines: number, target: 1 | 2): void;
  /** Once: the process is reaped, and everything that it had sent has been delivered. */
  exit(exit: ProcessExit): void;
}

/** A socket of a slot, and the index of its listener. */
export interface SlotSocket {
  readonly fd: number;
  readonly listener: number;
}

/** Connections that have been waiting in a queue. */
export interface QueueReport {
  readonly fd: number;
}

/** Reports queues that stay filled, and costs nothing while they are empty. */
export interface QueueWatch {
  add(fd: number): void;
  /** Before it is closed. */
  remove(fd: number): void;
  /** A queue that was reported is watched again. */
  rearm(fd: number): void;
  close(): void;
}

/** `'full'`: the kernel does not take it now. `'gone'`: the worker cannot be reached. */
export type ReplyResult = 'sent' | 'full' | 'gone';

/** One started process, whatever started it. */
export interface WorkerProcess {
  readonly pid: number;
  /** `host:port` where the master has put its debugger. */
  readonly debugger?: string | undefined;
  /**
   * False when the channel is closed, and for a user's message when too much waits for the worker to read. Throws a TypeError for what
   * JSON cannot carry, a RangeError for what is too long.
   */
  send(message: MasterMessage): boolean;
  /** `'sharded'`: hands sockets of another slot over. False when the worker cannot be reached, now or ever. */
  adopt(slot: number, sockets: readonly SlotSocket[]): boolean;
  /** A worker that asks: answers `wants-listener`, with at most one descriptor. Throws what no second attempt would cure. */
  reply?(id: number, text: string, fds: readonly number[]): ReplyResult;
  /** False when the process has already ended. Throws EPERM where the master may not signal it. */
  kill(signal: NodeJS.Signals): boolean;
  /** Whether another process was started by this one, directly or through others. Absent where the system does not say. */
  isAncestorOf?(pid: number): boolean;
  /** No signal ends it: nothing of it keeps the master's event loop alive any more. Its exit is still reported. */
  letGo(): void;
}

/** What is to be started in a slot. */
export interface Launch {
  readonly fleet: string;
  readonly slot: number;
  readonly generation: number;
  readonly listeners: readonly OpenListener[];
  /** Where workers stand in line. */
  readonly board?: BoardPlace | undefined;
  /** Where it writes what it counts: `null` when it reports that, `undefined` when it counts nothing. */
  readonly scoreboard?: BoardPlace | null | undefined;
  /** Whether the worker may ask for listeners. */
  readonly asks: boolean;
  /** Whether the worker may be given sockets of other slots. */
  readonly adopts: boolean;
  /** `onMasterDeath: 'kill'`: the worker gets no time to finish. */
  readonly diesWithMaster: boolean;
  /** With paths of the release that the generation runs, as in {@link program}. */
  readonly settings: LaunchSettings;
  readonly program: Program;
  readonly commandProducer: PreforkOptions['commandProducer'];
  /** What becomes of its piped lines; absent: they are passed on as they are. */
  readonly shape?: Shape | undefined;
}

/** The accept queues of listening sockets. */
export interface Queues {
  /** Connections that wait, and how many may. Throws for a unix socket where the kernel does not say. */
  depth(fd: number): { readonly depth: number; readonly limit: number };
  /** @param confirmations Of how many more looks, 2 ms apart, none may find a queue empty. */
  watch(onWaiting: (reports: readonly QueueReport[]) => void, confirmations?: number): QueueWatch;
}

export interface OpeningOptions {
  /** Behind those of the plans: what other programs have opened for this master beside. */
  readonly takesAll?: boolean;
  /** The fleet for which the service manager keeps sockets. Absent: it keeps none. */
  readonly keptFor?: string | undefined;
  /** What it keeps, and none of the plans wants, stays for later ones. Absent: it is closed. */
  readonly moreLater?: boolean;
}

/** Where the master hears requests of its own user. */
export interface DoorPlace {
  /** Of the fleet. */
  readonly name: string;
  /** Absolute. `undefined`: the one of the name, in a folder of the user. */
  readonly path: string | undefined;
}

/** A socket of the master alone, which no worker inherits and no other user may connect to. */
export interface Door {
  readonly path: string;
  /** It listens, and does not keep the process alive. */
  readonly server: Server;
  /**
   * Makes the path again when it leads here no more. Resolves with the server that is in the place of {@link Door.server} then.
   * Throws what keeps the path from being made. Absent where a path cannot be taken away.
   */
  renew?(): Promise<Server | undefined>;
  /** From now on calls back when the path may be gone, as far as the system reports that. Absent where a path cannot be taken away. */
  whenMissed?(missed: () => void): void;
  /** Removes the path, and closes the server. Throws the first error of the file system; everything is closed nevertheless. */
  close(): void;
}

/** A descriptor for another process. */
export interface Witness {
  readonly fd: number;
  /** Settles when no process has it any more, or at {@link Witness.close}. */
  readonly closed: Promise<void>;
  /** This process needs it no more. Idempotent. */
  sent(): void;
  close(): void;
}

/** What the question has done to the process. */
export interface InspectorOpened {
  /**
   * It has opened the inspector, or the process is about to open it: as soon as it executes JavaScript. `before`: where the process
   * listened already. An inspector there was opened by the program, or by a debugger.
   */
  readonly opened?: { readonly before: readonly ListeningAddress[] };
}

/** What is known of a Node process that is asked for its stack. */
export interface StackRequest {
  /** As far as the process knows. */
  readonly inspector?: InspectorPort | undefined;
  /** Ports of the fleet: never an inspector's, and a question there would be a request to the application. */
  readonly servedPorts?: ReadonlySet<number>;
  /** Milliseconds that an inspector may take to be opened, and once more to stop the process. Default: `1_000`. */
  readonly timeout?: number;
}

export type BlockedStack =
  /** As Node prints it, without the error. */
  | ({ readonly stack: string } & InspectorOpened)
  /** Why there is none: in words that follow `JavaScript stack: `. */
  | ({ readonly unavailable: string } & InspectorOpened)
  /** A debugger is attached to the process; nothing was done to it. */
  | { readonly debugged: true };

/**
 * Asks the inspector of a Node process for its JavaScript stack, and opens the inspector for that (SIGUSR1) when it is closed. The process
 * should have been started with `--inspect-port=0 --inspect-publish-uid=http`, and is best ended afterwards: its inspector stays open.
 * Never rejects.
 */
export type AskForStack = (pid: number, request: StackRequest) => Promise<BlockedStack>;

export interface System {
  readonly pid: number;
  readonly features: Features;
  /** Absent unless node runs with its permission model. */
  readonly permission?: Permission | undefined;
  /** This program, as it was started. */
  readonly program: Program;
  /** Milliseconds on a monotonic clock. */
  now(): number;
  /** Behind all that has come in by then, see `after` of common/timers.ts. */
  after(ms: number, action: () => void): Timer;
  /**
   * @param slots How many sockets every address gets, under `'sharded'`.
   */
  openListeners(
    plans: readonly ListenPlan[],
    sharing: Sharing,
    slots: number,
    log: Log,
    more?: OpeningOptions,
  ): Promise<OpenListener[]>;
  /** Linux: notifies a service manager. False when it has not read for long. Throws what the kernel says. */
  readonly notify?: (notice: Notice) => boolean;
  /** Linux. Throws what the kernel says. */
  readonly openWitness?: (() => Promise<Witness>) | undefined;
  /** Linux. */
  readonly queues?: Queues | undefined;
  /** Linux: memory that workers share. Throws what the kernel says. */
  readonly openBoard?: () => NativeBoard;
  /** Linux, macOS: memory in which workers write what they count. Throws what the kernel says. */
  readonly openScoreboard?: () => NativeScoreboard;
  /** Bytes of resident memory, and milliseconds of CPU time; `undefined` where the system does not say. */
  usage?(pid: number): { readonly rss: number; readonly cpu: number } | undefined;
  /** Linux: a listening socket refuses new connections from here on. What is queued can still be accepted. Throws what the kernel says. */
  readonly seal?: (fd: number) => void;
  /**
   * Linux: the same for TCP sockets that {@link seal} may not touch. `fds` are all sockets of one address. Throws what the kernel says.
   * @returns to be called when these sockets are closed.
   */
  readonly divert?: (fds: readonly number[]) => () => void;
  /** Milliseconds that a process has waited for a CPU since it was started; `undefined` where that cannot be known. */
  cpuWait?(pid: number): number | undefined;
  /** Loads it before it is needed: by then a deploy may have deleted its file. Absent where no process can be asked. */
  loadAskForStack?(): Promise<AskForStack>;
  /** Throws what keeps it from being made. */
  openDoor(place: DoorPlace): Promise<Door>;
  /** Starts a process; `events` are heard from the first moment. */
  spawn(launch: Launch, events: WorkerProcessEvents): Promise<WorkerProcess>;
  /** Ends what was started before the master, and was not wanted. Settles when it is reaped; `undefined`: there is nothing to wait for. */
  dismiss?(): Promise<void> | undefined;
  /** Returns the undo. */
  onSignal(signal: NodeJS.Signals, action: () => void): () => void;
  hasControllingTerminal(): boolean;
  /** The start is over: the memory that only it needed can be given back. */
  settle?(): void;
  /** In PID 1, which gets all orphans: reaps those that are none of the master's children. Returns the undo. */
  reapStrangers?(): () => void;
}
