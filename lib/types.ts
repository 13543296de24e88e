/** The public vocabulary: option, handle and result types. No code. */

import type { ChildProcess } from 'node:child_process';
import type { Server } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import type { LogFields } from './fleet-event.js';

/** How the workers of a fleet share a port. `docs/guide/sharing.md` compares them. */
export type Sharing = 'shared' | 'sharded' | 'reuseport';

/** One address to listen on. */
export interface ListenSpec {
  /** Numeric address or host name (resolved once, in the master). Default: every address, IPv6 and IPv4. */
  readonly host?: string | undefined;
  /** TCP port, `0..65535`, or its digits, as `process.env.PORT` has them; `0` picks one free port for all workers. Excludes `path`. */
  readonly port?: number | string | undefined;
  /** Path of a unix socket. Excludes `host` and `port`. */
  readonly path?: string | undefined;
  /**
   * A listening socket that the master was started with, of any family: `0` below inetd. Excludes `host`, `port` and `path`. The master keeps
   * the descriptor open.
   */
  readonly fd?: number | undefined;
  /** Name of the listener in `worker.listeners`, logs and `LISTEN_FDNAMES`. Default: its index. */
  readonly name?: string | undefined;
  /** Length of the accept queue. Default: `4096`; the kernel caps it at `net.core.somaxconn`. */
  readonly backlog?: number | undefined;
  /** Refuse IPv4 connections on an IPv6 wildcard address. Default: `false`; with network `'tcp6'`: `true`. */
  readonly ipv6Only?: boolean | undefined;
  /** Address family. Default: `'tcp'`, either. */
  readonly network?: 'tcp' | 'tcp4' | 'tcp6' | undefined;
  /** File mode of a unix socket, e.g. `0o660`. Default: what the umask leaves. */
  readonly mode?: number | undefined;
  /** Owner of the file of a unix socket, by name or id. Default: the option `uid`, else the user of the master. */
  readonly owner?: number | string | undefined;
  /** Its group, by name or id. Default: the option `gid`, else the group of `owner`. */
  readonly group?: number | string | undefined;
}

/** A port, its digits, `'host:port'`, `':port'`, `'unix:/path'`, `'fd://0'` (an open descriptor) or a {@link ListenSpec}. */
export type ListenTarget = number | string | ListenSpec;

/** Where a listener is bound. */
export interface ListenerAddress {
  readonly name: string;
  readonly family: 'IPv4' | 'IPv6' | 'unix';
  /** Numeric address, or the path of a unix socket. */
  readonly address: string;
  /** TCP only. */
  readonly port?: number;
}

/** What `server.listen()` accepts in a worker. */
export interface Listener extends ListenerAddress {
  /** The inherited descriptor (POSIX). One server may listen on it; a second one needs `worker.listeners` of its own. */
  readonly fd?: number;
  /** Windows: what a server listens with, a new one at every read. The same rule: one server. */
  readonly handle?: object;
}

/** Lifecycle of one worker process. */
export type WorkerState = 'starting' | 'ready' | 'draining' | 'exited';

/** One worker process as the master sees it. The fields are live. */
export interface WorkerInfo {
  /** Worker position, `0..workers-1`; outlives the process. */
  readonly slot: number;
  readonly pid: number;
  /** How many reloads the worker's code is away from the first start. */
  readonly generation: number;
  readonly state: WorkerState;
  readonly startedAt: Date;
  readonly readyAt?: Date;
  /**
   * Sends a JSON value to the worker's `'message'` listeners. False, and it is not sent: the worker has no control channel (any more), 8 MiB
   * wait already because it does not read (then it takes messages again when half of them are read), or 1 MiB because nothing in it listens.
   * @throws TypeError for what JSON cannot carry, RangeError for more than 16 MiB of it.
   */
  send(message: unknown): boolean;
}

/** How a worker ended, as `onChildExit` sees it. */
export interface ExitInfo {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** True when the master asked for it (stop, replacement). Requested exits never count towards the threshold. */
  readonly requested: boolean;
}

/** One open file that a worker inherits, in the worker's descriptor order from 3. */
export interface CommandFile {
  /** The master's descriptor number. Windows: its socket, of which the worker gets a duplicate over the control channel. */
  readonly fd: number;
  readonly name: string;
  readonly address: ListenerAddress;
}

/** Everything a `commandProducer` needs; also a valid options object for `child_process.spawn`. */
export interface Command {
  readonly file: string;
  readonly args: string[];
  readonly env: Record<string, string>;
  /**
   * Descriptor layout of the worker: 0–2, then the listeners from 3, then the control channel, and with sharing `'sharded'` a second one; behind
   * these the memory that workers share.
   * Windows: 0–2, then the two pipes of the control channel.
   */
  readonly stdio: ('ignore' | 'inherit' | 'pipe' | 'overlapped' | number)[];
  /** Windows: no console of its own or of the master's, so that Ctrl+C reaches the master alone. */
  readonly detached?: boolean;
  readonly windowsHide?: boolean;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly files: readonly CommandFile[];
  readonly slot: number;
  readonly generation: number;
}

/** Growth of the delay before a slot is recovered again. */
export interface Backoff {
  /** Milliseconds before the second recovery of a slot inside `recoverWindow`. Default: `100`. */
  readonly initial?: number | undefined;
  /** Milliseconds, the longest delay. Default: `30_000`. */
  readonly max?: number | undefined;
  /** Growth per further exit, at least 1. Default: `2`. */
  readonly factor?: number | undefined;
  /** Random share of the delay, `0..1`, added or taken away. Default: `0.2`. */
  readonly jitter?: number | undefined;
}

/**
 * When a worker is replaced by a new one of the same generation: at least one limit. The new one is ready before the old one drains, one
 * slot of the fleet at a time.
 */
export interface Recycle {
  /** Milliseconds since the worker became ready. Default: no limit. */
  readonly maxAge?: number | undefined;
  /** HTTP requests and HTTP/2 streams that the worker has begun to serve; connections of other servers. Default: no limit. */
  readonly maxRequests?: number | undefined;
  /** Bytes of resident memory, looked at in the worker once a second while requests come, else every ten seconds. Default: no limit. */
  readonly maxRss?: number | undefined;
  /** By what share of itself, `0..1`, each worker's limit is lowered at random at most. Default: `0.2`. */
  readonly jitter?: number | undefined;
}

/** Where the master answers probes and Prometheus by HTTP. */
export interface Metrics {
  /** Address of this machine. Default: `'127.0.0.1'`, so that no other machine reaches it. */
  readonly host?: string | undefined;
  /** TCP port, `0..65535`; `0` picks a free one, which the log names. */
  readonly port: number;
  /** Milliseconds without a turn of any worker's event loop after which `/live` says no. At least 100. Default: `10_000`. */
  readonly liveTimeout?: number | undefined;
}

/** Console, pino, bunyan and winston fit. */
export interface Logger {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
  /** A logger that adds these fields to its lines, as those of pino, bunyan and winston do. */
  child?(fields: LogFields): unknown;
}

/** Certificates: loaded and checked in the master, handed to every worker as `worker.tls`. */
export type TlsOptions = SecureContextOptions & {
  /**
   * Path of the PEM private key, read by the master, again at every reload. A relative one begins at the directory that the program
   * was started in. Excludes `key`.
   */
  readonly keyFile?: string | undefined;
  /** Path of the PEM certificate chain, as `keyFile`. Excludes `cert`. */
  readonly certFile?: string | undefined;
};

/** The second argument of `serve`, and what `currentWorker()` returns. */
export interface WorkerContext {
  /** Slot of this worker. */
  readonly id: number;
  readonly generation: number;
  readonly masterPid: number;
  /** Every listener, in the order of `options.listen`. */
  readonly listeners: readonly Listener[];
  /** TLS material handed over by the master, with ticket keys shared by all workers. */
  readonly tls?: SecureContextOptions;
  /**
   * Aborted when the drain begins: the fleet stops, the worker was replaced, or its master died. Up to a second later in a full worker that
   * stops while clients wait for a place.
   */
  readonly signal: AbortSignal;
  /** Reports readiness. Only needed when `serve` returns no server. */
  ready(): void;
  /**
   * Sends a JSON value to the master's `'message'` event. False, and it is not sent: the master is gone, or 8 MiB wait already because it does
   * not read.
   * @throws TypeError for what JSON cannot carry, RangeError for more than 16 MiB of it.
   */
  send(message: unknown): boolean;
  /**
   * Asks the master for a successor: this worker serves until that one is ready, then it drains, as in a reload (`drainTimeout`), so that
   * no client waits and no exit counts. For a worker that must leave, e.g. after an uncaught exception. Before readiness the wish
   * waits for it; asked for again, or while the worker drains, it adds nothing. A successor that fails leaves this worker serving,
   * and the master tries the next one 30 s later.
   * @param reason For the log, up to 200 characters. Default: none.
   * @throws TypeError when `reason` is no string.
   */
  retire(reason?: string): void;
  /** Hears `send()` and `broadcast()` of the master. What arrived before the first listener waits for it. */
  on(event: 'message', listener: (message: unknown) => void): this;
}

/** What `serve` may return: what the drain has to finish. */
export type Served = Server | readonly Server[] | undefined | void;

/** Runs in: every worker, once. Throw: boot failure of that worker. */
export type Serve = (listener: Listener, worker: WorkerContext) => Served | Promise<Served>;

/** Where a standard stream of a worker goes; absent: the default of its place. `'pipe'`: read by the master. */
export type StdioTarget = 'inherit' | 'ignore' | 'pipe' | number | { readonly fd: number } | null | undefined;

// The first paragraph of each docstring is the text of the option in docs/guide/options.md, its first sentence the one in README.md. `Default:`
// is the last sentence of that paragraph: the tables have a column for it. What is behind `@see` becomes a link. `npm run docs:options`.
/** Options of {@link Prefork}. Only `serve` and `listen` are required. */
export interface PreforkOptions {
  /**
   * Starts the server in a worker: `(listener, worker) => server`, or a `net`, `http`, `https` or HTTP/2 server that does not listen yet.
   * The function may be async, and may return several servers; one that returns none calls `worker.ready()`.
   * @see docs/guide/workers.md#servelistener-worker
   */
  readonly serve: Serve | Server;
  /**
   * `3000`, `':3000'`, `'host:3000'`, `'[::1]:3000'`, `'unix:/run/app.sock'`, `'fd://0'`, an object, or an array of these. The object is
   * `{ host, port, network, ipv6Only, backlog, name }`, `{ path, mode, owner, group, backlog, name }` or `{ fd, backlog, name }`. Port 0 picks
   * one free port for all workers. A port may be digits, as `process.env.PORT` has them.
   */
  readonly listen: ListenTarget | readonly ListenTarget[];
  /**
   * The fleet's name in logs. It distinguishes several fleets of one program. A second attempt after a fleet that failed gets its name when
   * its `serve` is the same code: the workers run that of the first. Default: `'0'`, `'1'`… in order of construction.
   */
  readonly name?: string | undefined;
  /**
   * Number of workers, at least 1. Default: `WEB_CONCURRENCY` of the environment, else the CPUs that this process may use: affinity and cgroup
   * quota count.
   */
  readonly workers?: number | undefined;
  /**
   * `'shared'`: one socket for all workers. `'sharded'`: the master holds one for each slot, for an even spread. `'reuseport'`: each worker
   * binds its own. Default: `'shared'`.
   *
   * Unix sockets are always shared. With `'sharded'` a server of `node:net` must listen on every TCP address when the worker is ready.
   * @see docs/guide/sharing.md
   * @throws PreforkError `ERR_PREFORK_REUSEPORT_UNSUPPORTED` from the start of the fleet where the kernel cannot do it.
   */
  readonly sharing?: Sharing | undefined;
  /**
   * `{ keyFile, certFile }` or `{ key, cert }`: the master reads and proves them, again at every reload, and hands them to workers as
   * `worker.tls`. It also takes what `tls.createSecureContext()` takes.
   * @see docs/guide/tls.md
   */
  readonly tls?: TlsOptions | undefined;
  /**
   * Unrequested exits inside `recoverWindow` that the master recovers; one more ends the fleet. `Infinity`: it never gives up. `0`: the
   * first exit ends the fleet. Default: 5 × `workers`.
   * @see docs/guide/recovery.md#window-and-threshold
   */
  readonly recoverThreshold?: number | undefined;
  /** Milliseconds that an exit counts for, sliding. `Infinity`: the lifetime of the master. Default: `60_000`. */
  readonly recoverWindow?: number | undefined;
  /**
   * Delay before the master fills a slot again: none for the first exit, then growing. A number: the same delay every time, in
   * milliseconds. Default: `{ initial: 100, max: 30_000, factor: 2, jitter: 0.2 }`.
   * @see docs/guide/recovery.md#backoff
   */
  readonly recoverInterval?: number | Backoff | undefined;
  /**
   * `'listening'`: a worker is ready when it serves. `'spawn'`: it is ready once exec succeeded, for programs that speak no control
   * channel. Default: `'listening'`.
   */
  readonly readiness?: 'listening' | 'spawn' | undefined;
  /** Milliseconds that a worker may take to become ready before the master kills it. Default: `30_000`. */
  readonly readyTimeout?: number | undefined;
  /**
   * Milliseconds that a ready worker has to serve until it counts as one that stays. `0`: ready is enough. Default: `1_000`.
   *
   * Reload and recycling keep the old worker of the first slot until then. `reload()` and `scale()` resolve when the last new worker has
   * stayed; one that ends before fails them.
   * @see docs/guide/recovery.md#ready-means-that-it-stays
   */
  readonly readyFor?: number | undefined;
  /** Milliseconds from the request to drain, or SIGTERM, to SIGKILL when the fleet stops. Default: `5_000`. */
  readonly shutdownGracePeriod?: number | undefined;
  /**
   * Milliseconds that the fleet serves on after SIGTERM or `stop()`, before it refuses clients and drains. Default: `0`.
   *
   * Meanwhile probes hear that it is not ready, so that a balancer stops sending clients. A second signal ends this time.
   * @see docs/guide/deploy.md#before-the-drain
   */
  readonly drainDelay?: number | undefined;
  /**
   * How many processes above `workers` a reload may have, those that drain not counted, at least 1. So many slots change hands at a time.
   * Default: `1`.
   */
  readonly maxSurge?: number | undefined;
  /**
   * Milliseconds that a worker may take to finish what it accepted after a reload, a recycling or `scale()` took its slot. Default:
   * `30_000`.
   *
   * Then the worker ends what is left, and the master kills it 200 ms later if it is still there.
   * @see docs/guide/workers.md#what-a-drain-finishes
   */
  readonly drainTimeout?: number | undefined;
  /**
   * How many replaced workers may drain at a time, at least 1. One more, and the oldest gets 1 s to end in. Default: `Infinity`.
   *
   * Without a limit the master logs a warning when as many as serve drain for longer.
   * @see docs/guide/reload-and-scale.md#drains-that-pile-up
   */
  readonly maxDraining?: number | undefined;
  /**
   * Ends a worker that has drained while a timer or a socket of the app keeps it alive. A number: after so many milliseconds. `true`: at
   * once. Default: `false`.
   *
   * A worker has drained when its last connection has ended and the promise of `prefork()` has settled. With `false` it stays until the
   * deadline, because code behind `prefork()` may still clean up; after 1 s it logs what keeps it. With `true`, as with `0`, it ends as
   * soon as that code has had its turn.
   * @see docs/guide/workers.md#leaving-in-time
   */
  readonly exitAfterDrain?: boolean | number | undefined;
  /**
   * Milliseconds without progress of its event loop after which the master logs the JavaScript stack of a ready worker, kills it and
   * recovers it. At least 100. Default: off.
   *
   * The master notices after 1 to 1.5 times as long. A worker is exempt while a debugger is connected.
   * @see docs/guide/recovery.md#blocked-workers
   */
  readonly livenessTimeout?: number | undefined;
  /**
   * Replaces workers that are old, have answered much, or take too much memory: `{ maxAge, maxRequests, maxRss, jitter }`. Default: off.
   * @see docs/guide/recovery.md#recycling
   */
  readonly recycle?: Recycle | undefined;
  /**
   * Runs in: master, one at a time, after every spawn. Throw: stops the fleet with `ERR_PREFORK_HOOK`.
   * @see docs/guide/hooks.md#onchildspawnpid-worker
   */
  readonly onChildSpawn?: ((pid: number, worker: WorkerInfo) => void | Promise<void>) | undefined;
  /**
   * Runs in: master, once, after every worker is ready. Throw: stops the fleet with `ERR_PREFORK_HOOK`.
   * @see docs/guide/hooks.md#onmasterreadypids
   */
  readonly onMasterReady?: ((pids: number[]) => void | Promise<void>) | undefined;
  /**
   * Runs in: master, when the slot of a worker that was lost is served again. Throw: stops the fleet with `ERR_PREFORK_HOOK`.
   * @see docs/guide/hooks.md#onchildrecoveroldpid-newpid
   */
  readonly onChildRecover?: ((oldPid: number, newPid: number) => void | Promise<void>) | undefined;
  /**
   * Runs in: master, after every exit. Throw: logged.
   * @see docs/guide/hooks.md#onchildexitworker-exit
   */
  readonly onChildExit?: ((worker: WorkerInfo, exit: ExitInfo) => void) | undefined;
  /**
   * Runs in: a worker whose master died. `'kill'`: the worker is gone at once. `false`: it does not watch its master. Default: drain, then
   * exit 1.
   *
   * The process is gone after `shutdownGracePeriod` at the latest, even with a blocked event loop.
   * @see docs/guide/workers.md#onmasterdeath
   */
  readonly onMasterDeath?: (() => void | Promise<void>) | 'kill' | false | undefined;
  /**
   * Runs in: master, for every start of a worker: `(command) => spawn(command.file, command.args, command)`. Must return a started
   * `ChildProcess`. Default: the native spawn.
   * @see docs/guide/hooks.md#commandproducercommand
   */
  readonly commandProducer?: ((command: Command) => ChildProcess | Promise<ChildProcess>) | undefined;
  /**
   * `{ info, warn, error }`: `console`, pino, bunyan and winston fit. `false`: silence. Default: lines on stderr.
   * @see docs/guide/hooks.md#logger
   */
  readonly logger?: Logger | false | undefined;
  /**
   * `'text'`: lines for people. `'json'`: each line on stderr is one JSON object, a `FleetEvent`, of master and workers. Excludes `logger`.
   * Default: `'text'`.
   *
   * What the program itself writes stays as it is. With `stdio: 'pipe'` the master makes an event of each of its lines that is no JSON object.
   * @see docs/guide/logs.md#json
   */
  readonly logFormat?: 'text' | 'json' | undefined;
  /**
   * Whether the master installs its signal table. Default: `true`.
   * @see docs/guide/deploy.md#signals-to-the-master
   */
  readonly signals?: boolean | undefined;
  /**
   * Whether workers count connections and requests for `metrics()`, and time their event loops. Default: `true`.
   * @see docs/guide/metrics.md
   */
  readonly scoreboard?: boolean | undefined;
  /**
   * Path of a file with the pid of the master, from before the first worker starts until the fleet has stopped. A relative one begins at the
   * directory that the program was started in. Default: none.
   *
   * A file of a process that is gone is replaced; one that names another process that runs keeps the fleet from starting.
   * @see docs/guide/deploy.md#a-pid-file
   */
  readonly pidFile?: string | undefined;
  /**
   * `{ port, host, liveTimeout }`: the master answers `/metrics` for Prometheus, and the probes `/ready` and `/live`, on an address of its own.
   * Default: off.
   * @see docs/guide/metrics.md#for-prometheus-and-probes
   */
  readonly metrics?: Metrics | undefined;
  /**
   * Whether `node:cluster` itself shows the fleet: in the master a primary with these workers, in each worker a worker, with messages and
   * handles. Default: `false`.
   *
   * For libraries that ask `node:cluster`. Every other `listen()` of a worker gets a socket that the master opens for all of them. Linux only;
   * not with `commandProducer`, `groups` or readiness `'spawn'`.
   * @see docs/guide/cluster.md#in-a-program-of-prefork
   * @throws PreforkError `ERR_PREFORK_UNSUPPORTED` from the start of the fleet where it cannot be had.
   */
  readonly cluster?: boolean | undefined;
  /**
   * Path of a unix socket at which `prefork status`, `reload`, `scale`, `stop` and `top` ask the master. Mode 0600, of the user that the master
   * runs as, whatever `uid` is. On Windows the name of a pipe, `\\.\pipe\app`, at which that user and administrators may ask. `true`: where
   * these commands find it by the name of the fleet. A relative path begins at the directory that the program was started in. Default: none.
   *
   * The master makes it after it has bound the listeners, and removes it when the fleet has stopped. No worker has it. It replaces the socket
   * of a master that is gone; one that is alive keeps the fleet from starting (`EADDRINUSE`). A pipe has no mode: every user of Windows may open
   * it to read, and gets no answer.
   * @see docs/guide/operate.md
   * @throws TypeError `ERR_PREFORK_INVALID_OPTION` from the start of the fleet on Windows, for a path that is no pipe.
   */
  readonly admin?: string | boolean | undefined;
  /** Program of the workers: a script, or any program. Default: this program, re-executed. */
  readonly exec?: string | undefined;
  /** Arguments of the program. Default: those of this program when the workers run a script, else none. */
  readonly args?: readonly string[] | undefined;
  /** Node's own flags, for workers that Node runs. Default: those of this program. */
  readonly execArgv?: readonly string[] | undefined;
  /**
   * Working directory of the workers. A relative one begins at that of the master, and every reload follows a link in it. Default: that of
   * the master.
   */
  readonly cwd?: string | undefined;
  /**
   * Environment of the workers, in place of the master's. Default: that which the master was started with.
   *
   * What the program puts into `process.env` reaches no worker (Linux): each worker runs the same code. With `uid`, HOME, USER and LOGNAME are
   * those of the user, unless this option has them.
   * @see docs/guide/workers.md#environment
   */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /**
   * Descriptors 0–2 of the workers: a word for all three, or up to three words, descriptors or open streams. With `'pipe'` the master passes
   * the output on in whole lines, and errors quote what native code wrote before it crashed. Default: `['ignore', 'inherit', 'inherit']`.
   * @see docs/guide/workers.md#output
   */
  readonly stdio?: 'inherit' | 'ignore' | 'pipe' | readonly StdioTarget[] | undefined;
  /**
   * What the master puts before each line of workers' output: `true` for `'[{slot} {pid}] '`, or a text of your own with `{slot}`, `{pid}`,
   * `{generation}` and `{fleet}`. Without the option `stdio` it makes `'pipe'` of their stdout and stderr. Default: none.
   *
   * Lines of JSON have these as fields: `logFormat: 'json'` takes no prefix.
   * @see docs/guide/logs.md#whose-line-is-it
   */
  readonly linePrefix?: boolean | string | undefined;
  /** User id of the workers. Each takes it between fork and exec, after the master has bound. Default: that of the master. */
  readonly uid?: number | undefined;
  /** Group id of the workers, taken with `uid`. Default: that of the user `uid`. */
  readonly gid?: number | undefined;
  /** Supplementary groups of the workers. Default: those of the user `uid`. */
  readonly groups?: readonly number[] | undefined;
}

/** Fill of one accept queue that the master holds. */
export interface QueueStatus {
  /** Of the listener. */
  readonly name: string;
  /** Sharing `'sharded'`: whose queue it is, also that of a slot that was taken away. */
  readonly slot?: number;
  /** Connections that wait to be accepted. */
  readonly depth: number;
  /** How many may wait: the backlog, or what the kernel has capped it at. */
  readonly limit: number;
}

/**
 * Why a worker ended, as the master sees it. `requested`: the master asked for it, to stop, replace or scale. Else `boot-failed`: before it was
 * ready. `killed`: the master killed it, e.g. because its event loop stood still. `signal`: another process killed it, or the kernel. `failed`:
 * with an exit code other than 0. `ended`: with code 0, by itself.
 */
export type ExitReason = 'requested' | 'boot-failed' | 'killed' | 'signal' | 'failed' | 'ended';

/** How the last process of a slot that is gone ended. */
export interface LastExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly reason: ExitReason;
  readonly at: Date;
}

/** One worker in {@link Status}. */
export interface WorkerStatus extends Omit<WorkerInfo, 'send'> {
  /** Resident memory in bytes; absent where neither the system nor the worker reports it. */
  readonly rss?: number;
  /** Milliseconds of CPU time since the process started, of all its threads; absent as `rss`. */
  readonly cpu?: number;
  /** How often the master has filled the slot again after an exit that it had not asked for. */
  readonly restarts: number;
  /** Of the slot; absent while all of its processes live. */
  readonly lastExit?: LastExit;
}

export type FleetState = 'starting' | 'running' | 'reloading' | 'stopping' | 'stopped';

/** A snapshot of the fleet, safe to serialise. */
export interface Status {
  readonly pid: number;
  readonly state: FleetState;
  readonly generation: number;
  readonly sharing: Sharing;
  readonly addresses: readonly ListenerAddress[];
  readonly workers: readonly WorkerStatus[];
  /** Workers recovered since the start. */
  readonly recoveries: number;
  readonly queues: readonly QueueStatus[];
}

/** One worker process in a {@link FleetReading}. Its counters begin with the process. */
export interface SlotReading {
  readonly slot: number;
  readonly pid: number;
  readonly generation: number;
  readonly state: 'starting' | 'ready' | 'draining';
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /**
   * Whether the worker counts. False until it has loaded prefork, and of programs that do not: then the counters, the delays and `heapUsed` are 0,
   * and `lastTurnAt` is the time of the reading.
   */
  readonly counted: boolean;
  /** Connections that the worker has accepted so far. */
  readonly acceptedTotal: number;
  /** HTTP requests and HTTP/2 streams that the worker has begun to serve so far. */
  readonly requestsTotal: number;
  /** Connections that are open. */
  readonly connections: number;
  /** HTTP requests and HTTP/2 streams that are being answered. */
  readonly activeRequests: number;
  /** Milliseconds that an event had to wait for the event loop on average, in the last interval of a second or longer. */
  readonly loopDelayMean: number;
  /** Milliseconds of the longest turn of the event loop in that interval; of the present turn, if the loop is late by more than that. */
  readonly loopDelayMax: number;
  /**
   * When the event loop turned last, in milliseconds since the epoch. The time of the reading as long as the loop is not late: an idle one sleeps.
   * A loop that stands still is late after a second, or after ten when it was idle before and no connection or request came.
   */
  readonly lastTurnAt: number;
  /** Bytes of the JavaScript heap that are used, as the worker wrote it last: every second, or every ten while it is idle. */
  readonly heapUsed: number;
  /** Bytes of resident memory, now; where the system does not report it as the worker wrote it last, and 0 when it did not. */
  readonly rss: number;
  /** Milliseconds of CPU time of all threads since the process started. As for `rss`. */
  readonly cpu: number;
}

/** What {@link Prefork.metrics} reads. Totals begin with the master, and never go down: they keep what workers that are gone have counted. */
export interface FleetReading {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Every process that has not ended, by slot. In a reload a slot has two. */
  readonly workers: readonly SlotReading[];
  readonly totals: {
    /** Connections that workers have accepted. */
    readonly accepted: number;
    /** HTTP requests and HTTP/2 streams that workers have begun to serve. */
    readonly requests: number;
    /** Worker processes that the master has started. */
    readonly starts: number;
    /** Workers that have ended, by reason: every reason has its key. */
    readonly exits: Readonly<Record<ExitReason, number>>;
    /** Reloads by their verdict. */
    readonly reloads: { readonly ok: number; readonly failed: number };
  };
  /** One entry per socket that the master holds, as far as the kernel reports it; `address` is `host:port` or `unix:<path>`. */
  readonly queues: readonly (QueueStatus & { readonly address: string })[];
}

/** Verdict of a rolling replacement. */
export interface ReloadResult {
  /** Every slot is served by a worker of the new generation that has stayed for `readyFor`. */
  readonly ok: boolean;
  /** Of the fleet: the one before when `ok` is false. */
  readonly generation: number;
  /** Slots that changed hands and are served by the new worker, also when a later one failed. `oldPid` is 0 where the slot had no worker. */
  readonly replaced: readonly { readonly slot: number; readonly oldPid: number; readonly newPid: number }[];
  /** What failed: the first new worker that did not become ready, or ended too soon after that, or a certificate that cannot be used. */
  readonly error?: Error;
}

/** What this OS and kernel can do, probed once; `reasons` says why where a value is false. */
export interface Features {
  /** Spawning with inherited descriptors without copying the master's memory. */
  readonly nativeSpawn: boolean;
  /** `SO_REUSEPORT` balances connections between sockets. */
  readonly reuseport: boolean;
  /** Per-slot sockets with steering. */
  readonly sharding: boolean;
  /** Race-free process handles (`pidfd_open`). */
  readonly pidfd: boolean;
  /** The kernel kills a process whose parent died (`PR_SET_PDEATHSIG`). */
  readonly parentDeathSignal: boolean;
  readonly unixSockets: boolean;
  /** Depth and limit of an accept queue can be read. */
  readonly queueDepth: boolean;
  /** `uid`, `gid` and `groups` are supported. */
  readonly dropPrivileges: boolean;
  /** A worker can stop accepting for a while without closing its listener: at `maxConnections`, and when it is short of descriptors. */
  readonly acceptLine: boolean;
  /** A connection wakes one worker of those that share a listener, and not all of them (`EPOLLEXCLUSIVE`). */
  readonly exclusiveAccept: boolean;
  readonly reasons: Readonly<Record<string, string>>;
}
