/**
 * Who this process is: a worker, and which one, or a master. Read from the environment exactly once per process and kept
 * under a global symbol, so that a second copy of the package in the same program comes to the same answer. The variables are
 * deleted as they are read: a worker's own children are not workers. With readiness 'spawn' LISTEN_* stay, for the program to read.
 */

import type { Server, Socket } from 'node:net';
import type { BoardPlace, MasterWatch } from '../addon/native.cjs';
import type { DrainReason, WireListener, WorkerMessage } from '../protocol/protocol.cjs';
import { ENV, LISTEN_ENV, MARKER } from '../protocol/protocol.cjs';
import type { WorkerContext } from '../types.js' with { 'resolution-mode': 'import' };

/** Shared by every copy of the package in a process; bump only with the shape. */
const KEY = Symbol.for('prefork.identity.1');

/** What the preload has set up before any user code ran. */
export interface Preloaded {
  /** Native watch on the master: until `prefork()` configures it the process ends at once when the master dies. */
  readonly watch: MasterWatch;
  /** Called by the watch; replaced by `prefork()`. */
  onMasterDeath: () => void;
  /** The reports of the boot take another way to the master than the bare descriptor: the opened channel. */
  reportVia(send: (message: WorkerMessage) => boolean, raw: (bytes: Buffer) => void): void;
  /** Says something to the master, whichever way there is. False when it does not take it. */
  say(message: WorkerMessage): boolean;
  /** The worker is ready: stderr goes to the master no more, but for its end when the worker ends with another code than 0. */
  booted(): void;
}

/** The worker of a fleet that `node:cluster` shows: what was in place before the program calls `prefork()`. */
export interface Member {
  /** The worker serves from here on. */
  join(fleet: MemberOf): void;
  /** `'sharded'`: the server that listens on a listener which this worker has asked for. */
  asked(listener: number): { readonly server: Server; readonly wire: WireListener } | undefined;
  /** The worker begins to drain. */
  departs(reason: DrainReason): void;
}

/** The worker that it is. */
export interface MemberOf {
  readonly draining: boolean;
  /** As `adoptLate` of the worker's system. */
  adopt(wire: WireListener, received: number | undefined): number;
  forget(fd: number, wire: WireListener): void;
  /** A server that listens on what the master has given. */
  track(server: Server): void;
  /** The program has given a connection to another process. */
  release(socket: Socket): void;
  warn(text: string): void;
}

export interface WorkerIdentity {
  readonly fleet: string;
  readonly slot: number;
  readonly generation: number;
  readonly masterPid: number;
  /** Windows: `startTime` of the master, which no other process with its pid has. */
  readonly masterStarted: string | undefined;
  /** `undefined` when the master gave no channel. */
  readonly controlFd: number | undefined;
  /** Windows: what the worker says goes here; `controlFd` is what it hears. */
  readonly reportFd: number | undefined;
  /** `undefined` unless the listeners are sharded. */
  readonly adoptionFd: number | undefined;
  /** Where the answers to `wants-listener` arrive; `undefined` unless the worker asks. */
  readonly replyFd: number | undefined;
  /** A program that knows nothing of prefork: how its worker behaves, as JSON of `HostedProgram`. */
  readonly hosted: string | undefined;
  /** Forked by `prefork/cluster`: signals, output and the end of the process are what Node makes of them. */
  readonly cluster: boolean;
  /** Memory that the workers of the fleet share, and the row of this one; `undefined` unless workers stand in line. */
  readonly board: BoardPlace | undefined;
  /**
   * The memory in which the worker counts, and its row there. Without `fd` it reports what it counts; `undefined`: it counts nothing.
   */
  readonly scoreboard: { readonly fd: number | undefined; readonly row: number } | undefined;
  /** Number of inherited listeners, from descriptor 3 up. */
  readonly listenFds: number;
  preloaded?: Preloaded;
  /** Set by the preload where `node:cluster` shows the fleet. */
  member?: Member;
  /** Set when this worker's fleet has been asked to serve: once per process, whatever copy of the package asks. */
  serving?: true;
  /** What `currentWorker()` returns; set once the listeners are adopted. */
  context?: WorkerContext;
  /** Settles when this worker has drained: what every other fleet of the program waits for. */
  drained?: { readonly promise: Promise<void>; readonly resolve: () => void };
}

type Holder = { [KEY]?: WorkerIdentity };

/** The identity of this process, `undefined` in a master. Worker threads have none of their own. */
export function identity(): WorkerIdentity | undefined {
  const holder = globalThis as Holder;
  if (holder[KEY] !== undefined) return holder[KEY];
  const env = process.env;
  if (env[ENV.child] !== MARKER) return undefined;
  const worker: WorkerIdentity = {
    fleet: env[ENV.fleet] ?? '0',
    slot: integer(env[ENV.slot]) ?? 0,
    generation: integer(env[ENV.generation]) ?? 0,
    masterPid: integer(env[ENV.masterPid]) ?? process.ppid,
    masterStarted: env[ENV.masterStarted],
    controlFd: integer(env[ENV.controlFd]),
    reportFd: integer(env[ENV.reportFd]),
    adoptionFd: integer(env[ENV.adoptionFd]),
    replyFd: integer(env[ENV.replyFd]),
    hosted: env[ENV.hosted],
    cluster: env[ENV.cluster] === MARKER,
    board: board(integer(env[ENV.boardFd]), integer(env[ENV.boardRow])),
    scoreboard: scoreboard(integer(env[ENV.scoreboardFd]), integer(env[ENV.scoreboardRow])),
    listenFds: integer(env[ENV.listenFds]) ?? 0,
  };
  restoreNodeOptions(env);
  const byActivation = env[ENV.byActivation] !== undefined;
  for (const name of Object.values(ENV)) if (!byActivation || !LISTEN_ENV.includes(name)) delete env[name];
  // What the master wrote is missing where a commandProducer started the process, and that of a wrapper where there is one.
  if (byActivation && env[ENV.listenFds] !== undefined) env[ENV.listenPid] = String(process.pid);
  Object.defineProperty(holder, KEY, { value: worker });
  return worker;
}

/** The worker of a single executable application gets its flags in NODE_OPTIONS; they are not for the worker's own children. */
function restoreNodeOptions(env: NodeJS.ProcessEnv): void {
  const own = env[ENV.nodeOptions];
  if (own === '') delete env['NODE_OPTIONS'];
  else if (own !== undefined) env['NODE_OPTIONS'] = own;
}

function board(fd: number | undefined, row: number | undefined): BoardPlace | undefined {
  return fd === undefined || row === undefined ? undefined : { fd, row };
}

function scoreboard(fd: number | undefined, row: number | undefined): WorkerIdentity['scoreboard'] {
  return row === undefined ? undefined : { fd, row };
}

function integer(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}
