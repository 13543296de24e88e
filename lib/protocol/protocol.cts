/**
 * The whole wire between a master and its workers: environment names, descriptor layout, control messages.
 * CommonJS, because the preload of a worker needs it before any user module is loaded.
 */

import type { SecureContextOptions } from 'node:tls';
import type { ListenerAddress, Sharing } from '../types.js' with { 'resolution-mode': 'import' };

/** Exact value of `PREFORK_CHILD` that marks a worker. */
export const MARKER = '1';

/** Environment of a worker. The master strips stale copies of every name before it adds its own. */
export const ENV = {
  child: 'PREFORK_CHILD',
  fleet: 'PREFORK_FLEET',
  slot: 'PREFORK_SLOT',
  generation: 'PREFORK_GENERATION',
  masterPid: 'PREFORK_MASTER_PID',
  masterStarted: 'PREFORK_MASTER_STARTED',
  controlFd: 'PREFORK_CONTROL_FD',
  reportFd: 'PREFORK_REPORT_FD',
  adoptionFd: 'PREFORK_ADOPTION_FD',
  replyFd: 'PREFORK_REPLY_FD',
  hosted: 'PREFORK_HOSTED',
  cluster: 'PREFORK_CLUSTER',
  headStart: 'PREFORK_HEAD_START',
  boardFd: 'PREFORK_BOARD_FD',
  boardRow: 'PREFORK_BOARD_ROW',
  scoreboardFd: 'PREFORK_SCOREBOARD_FD',
  scoreboardRow: 'PREFORK_SCOREBOARD_ROW',
  byActivation: 'PREFORK_BY_ACTIVATION',
  nodeOptions: 'PREFORK_NODE_OPTIONS',
  listenFds: 'LISTEN_FDS',
  listenFdNames: 'LISTEN_FDNAMES',
  listenPid: 'LISTEN_PID',
} as const;

/** Those of {@link ENV} that are the protocol of sd_listen_fds(3). */
export const LISTEN_ENV: readonly string[] = [ENV.listenFds, ENV.listenFdNames, ENV.listenPid];

/**
 * What a worker with a head start is sent over the socket that {@link ENV}.headStart names, before it looks who it is: the command starts its
 * first worker before it has loaded the rest of the master. The descriptors of the same message belong to `descriptors`, in this order.
 */
export interface HeadStartMessage {
  readonly variables: Readonly<Record<string, string>>;
  /** Variables whose values are the numbers under which the descriptors arrive. */
  readonly descriptors: readonly string[];
}

/** Variables of Node's own IPC, and of those who start a master and pass it sockets, that must not leak from it into its workers. */
export const NOT_FOR_WORKERS = [
  'NODE_CHANNEL_FD',
  'NODE_CHANNEL_SERIALIZATION_MODE',
  'NODE_UNIQUE_ID',
  'LISTEN_PIDFDID',
  'SERVER_STARTER_PORT',
  'NOTIFY_SOCKET',
  'WATCHDOG_USEC',
  'WATCHDOG_PID',
  'FDSTORE',
] as const;

/**
 * Options of Node for a worker whose JavaScript stack may be asked for: SIGUSR1 opens its inspector on a free port of loopback, and
 * nothing is printed. Right behind `--require <preload>`, which takes both out of `process.execArgv`.
 */
export const INSPECTABLE = ['--inspect-port=0', '--inspect-publish-uid=http'] as const;

/**
 * First inherited descriptor: SD_LISTEN_FDS_START of sd_listen_fds(3). The listeners are followed by the control channel, then by the
 * socket for descriptors of other slots (`'sharded'`; libuv drops descriptors that arrive on a stream that Node reads), the one for the
 * listeners that a hosted program asks for, the memory in which workers count, and that by which they stand in line.
 */
export const FIRST_FD = 3;

/** Windows, where the control channel is two pipes: what the master says, and what the worker says. */
export const PIPES = { control: FIRST_FD, report: FIRST_FD + 1 } as const;

/** One listener as the master promises it to a worker. */
export interface WireListener extends ListenerAddress {
  /** Descriptor in the worker; `null`: the worker binds its own `SO_REUSEPORT` socket to this address. */
  readonly fd: number | null;
  /** Windows: the socket itself, as base64 of what `adoptSocket` takes; made for one process, which can take it once. */
  readonly handover?: string;
  /** What getsockname(2) says: a unix socket is bound under a temporary name and renamed. */
  readonly boundAs: string;
  readonly backlog: number;
  readonly ipv6Only: boolean;
  /** The service manager opened the socket, and holds it, too. A worker never refuses its clients. */
  readonly activated?: boolean;
  /** The service manager keeps a copy for the next master. A worker never refuses its clients. */
  readonly kept?: boolean;
  /** `'sharded'`, and a worker has asked for it: its number, see {@link SLOTS}. */
  readonly index?: number;
}

/** What the `listen()` of a hosted program asks for: a program that the command `prefork` runs, and that knows nothing of it. */
export type WantedListener =
  | {
      readonly kind: 'tcp';
      /** Numeric; absent: every address. */
      readonly host?: string;
      readonly port: number;
      /** Of several on port 0 that this worker has open on the host: each has a port of its own, which is the same in every worker. */
      readonly index: number;
      readonly ipv6Only: boolean;
      /** What the program asked for; absent: nothing. */
      readonly backlog?: number;
      /** For a server of TLS that has no ticket keys of its own. */
      readonly secure?: true;
    }
  /** `path`: absolute. */
  | { readonly kind: 'unix'; readonly path: string; readonly backlog?: number; readonly secure?: true };

/**
 * The answer, as JSON beside the descriptor, on the socket that {@link ENV.replyFd} names: the worker waits for it, because `listen()` of
 * Node listens before it returns. Without a descriptor the worker binds a `SO_REUSEPORT` socket of its own.
 */
export type ListenerReply =
  | {
      readonly listener: WireListener;
      /** Where it is `secure`: for sessions of TLS that go on in another worker, as hex. Those of node:cluster do. */
      readonly ticketKeys?: string;
    }
  /** `code`: of the kernel, or one of this package. */
  | { readonly error: { readonly code: string; readonly message: string } };

/** How the worker of a hosted program behaves, in {@link ENV.hosted}: what the options of `prefork()` are where the program calls that. */
export interface HostedProgram {
  readonly silent: boolean;
  /** Absent: text. */
  readonly logFormat?: 'json';
  /** The program says when it is ready, by `process.send('ready')`. */
  readonly waitReady: boolean;
  readonly sharing: Sharing;
  readonly gracePeriod: number;
  readonly readyTimeout: number;
  readonly exitAfterDrain?: number;
  readonly recycle?: { readonly maxRequests?: number; readonly maxRss?: number; readonly jitter: number };
  readonly onMasterDeath?: 'kill' | false;
}

/**
 * More than there are slots. Every worker serves what all of them inherit, so these listeners change hands together. What workers ask for
 * some may have and others not: the listener with the number n changes hands alone, as the slot of that number plus (n + 1) × SLOTS.
 */
export const SLOTS = 65_536;

/** First message to a worker, written right after the spawn; on Windows when it has reported `watching`. */
export interface InitMessage {
  readonly type: 'init';
  readonly listeners: readonly WireListener[];
  /** JSON as made by {@link encode}; Buffers survive. */
  readonly tls?: SecureContextOptions;
}

/** Why the master asks whether the event loop turns. `queue`: connections wait; `id` says which suspicion of the master the answer is for. */
export type Ping = { readonly for: 'liveness' } | { readonly for: 'queue'; readonly id: number };

/** Where a socket listens; `0.0.0.0` and `::` are every host of their family. */
export interface ListeningAddress {
  /** An IP address. */
  readonly host: string;
  readonly port: number;
}

/** Why a worker has to drain: the fleet stops, or another process takes the slot over. */
export type DrainReason = 'stop' | 'replace';

export type MasterMessage =
  | InitMessage
  /**
   * Stop accepting and finish; at `timeout` ms from `at`, on the monotonic clock of the machine, or else from receipt, whatever is left is
   * cut. Default: `shutdownGracePeriod`. `queued`: also a replacement accepts first what waits in the queue, because the next worker has
   * another one. `sealed`: the sockets that the master opened refuse new connections, and what is queued there is to be accepted first.
   */
  | {
      readonly type: 'drain';
      readonly reason: DrainReason;
      readonly timeout?: number;
      readonly at?: number;
      readonly queued?: boolean;
      readonly sealed?: boolean;
    }
  /** To a worker that `began-draining`: the master was not asked to stop, and gives no order. */
  | { readonly type: 'alone' }
  /**
   * To a worker whose inspector the master's question opened, and which the master does not kill: every process of the machine may connect.
   * `before`: where the worker listened before the question. An inspector there is the program's, and stays. Absent: nowhere, or the
   * master is of a version that does not look.
   */
  | { readonly type: 'close-inspector'; readonly before?: readonly ListeningAddress[] }
  /**
   * Accept from the sockets of another slot, which have been sent to the adoption socket in one message with `tag`; `listeners`
   * says for each of them which listener it belongs to. After `release` the slot's own worker is back. `slot` names both, see {@link SLOTS}.
   */
  | { readonly type: 'adopt'; readonly slot: number; readonly tag: number; readonly listeners: readonly number[] }
  | { readonly type: 'release'; readonly slot: number }
  /** A connection may be waiting for a worker that does not come: look at every queue. Only for workers that stand in line. */
  | { readonly type: 'look' }
  /** Answered with `answered` as soon as the event loop turns. Only for workers that are ready. */
  | ({ readonly type: 'ping' } & Ping)
  | { readonly type: 'message'; readonly data: unknown };

/** The fatal error of a worker that did not become ready, as far as JSON carries it. */
export interface BootError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string;
}

/**
 * The port that the inspector of a worker has, or will have once it is opened; absent when that will be any free one. `false`: SIGUSR1
 * does not open it, because the program handles that signal itself.
 */
export type InspectorPort = number | false;

/** The master believes none of it: each has a row in `what-workers-say.ts`, which says what is a message and what is garbage. */
export type WorkerMessage =
  /** Windows, from the preload: this is the process that serves, and it watches the master. */
  | { readonly type: 'watching'; readonly pid: number }
  /** Windows: from here on the worker reads what the master says. */
  | { readonly type: 'listening' }
  /** Uncaught error that ends the worker; before readiness written synchronously while the process dies. */
  | { readonly type: 'boot-failed'; readonly error: BootError }
  /** What the worker wrote to stderr before readiness, as it was written; of a ready one the end of it, when it ends with another code than 0. */
  | { readonly type: 'wrote-stderr'; readonly text: string }
  /**
   * The listeners are adopted and the server is listening. `inLine`: a connection wakes this worker or another one, not both.
   * `handlesSigterm`: so does the program, and nothing of it listens to `worker.signal`.
   */
  | { readonly type: 'became-ready'; readonly pid: number; readonly inLine?: true; readonly handlesSigterm?: true }
  /** The worker drains without having been asked on the channel (SIGTERM from outside). */
  | { readonly type: 'began-draining'; readonly signal: NodeJS.Signals }
  /** The fleet stops, and this worker accepts nothing any more. */
  | { readonly type: 'stopped-accepting' }
  /** The event loop turned after this ping. */
  | ({ readonly type: 'answered'; readonly inspector?: InspectorPort } & Ping)
  /** The sockets of another slot could not be adopted, for want of descriptors for example. */
  | { readonly type: 'adoption-failed'; readonly slot: number }
  /** `'sharded'`, from a worker that is ready: it accepts no connection for now, for want of places or descriptors; after `accepts` it does again. */
  | { readonly type: 'paused-accepting' }
  | { readonly type: 'resumed-accepting' }
  /** The worker wants a successor, and serves until it is there: a limit of `recycle`, `worker.retire()`. Words that follow "because". */
  | { readonly type: 'wants-replacement'; readonly reason: string }
  /** False: nothing in the worker listens to messages of the user, and enough of them wait there. True: something does now. */
  | { readonly type: 'changed-hearing'; readonly messages: boolean }
  /** A hosted program calls `listen()`; the answer has the same `id` as its tag. */
  | { readonly type: 'wants-listener'; readonly id: number; readonly want: WantedListener }
  /** It has closed the server that listened on the listener of this name. */
  | { readonly type: 'released-listener'; readonly name: string }
  /** The line of the worker in the scoreboard, where it shares no memory with the master: the first numbers of `scoreboard.ts`. */
  | { readonly type: 'counted'; readonly words: readonly number[] }
  | { readonly type: 'message'; readonly data: unknown };

/** One message, one line: JSON never contains a raw newline. */
export function encode(message: MasterMessage | WorkerMessage): string {
  return `${JSON.stringify(message)}\n`;
}

/** Bytes of the longest message of a user, and of the longest line that the master takes from a worker. */
export const MESSAGE_LIMIT = 16 * 1024 * 1024;

/** Bytes that may wait for a side that does not read. A user's message that would be more is refused, unless it is the only one. */
export const WAITING_LIMIT = 8 * 1024 * 1024;

/** What memory holds of a message beside its bytes. */
export const MESSAGE_OVERHEAD = 128;

/** How one side takes what the other one says. */
export interface Grammar<In> {
  /** The message in a value that came as JSON, without anything that does not belong to it; `undefined`: it is none. */
  check(value: unknown): In | undefined;
  /** Bytes of the longest line. */
  readonly limit: number;
}
