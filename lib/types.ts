/** The public vocabulary: option, handle and result types. No code. */

import type { ChildProcess } from 'node:child_process';
import type { Server } from 'node:net';
import type { SecureContextOptions } from 'node:tls';

/** How the workers of a fleet share a port. `docs/guide/sharing.md` compares them. */
export type Sharing = 'shared' | 'sharded' | 'reuseport';

/** One address to listen on. */
export interface ListenSpec {
  /** Numeric address or host name (resolved once, in the master). Default: every address, IPv6 and IPv4. */
  readonly host?: string;
  /** TCP port, `0..65535`; `0` picks one free port for all workers. Excludes `path`. */
  readonly port?: number;
  /** Path of a unix socket. Excludes `host` and `port`. */
  readonly path?: string;
  /** Name of the listener in `worker.listeners`, logs and `LISTEN_FDNAMES`. Default: its index. */
  readonly name?: string;
  /** Length of the accept queue. Default: `4096`; the kernel caps it at `net.core.somaxconn`. */
  readonly backlog?: number;
  /** Refuse IPv4 connections on an IPv6 wildcard address. Default: `false`; with network `'tcp6'`: `true`. */
  readonly ipv6Only?: boolean;
  /** Address family. Default: `'tcp'`, either. */
  readonly network?: 'tcp' | 'tcp4' | 'tcp6';
  /** File mode of a unix socket, e.g. `0o660`. Default: what the umask leaves. */
  readonly mode?: number;
}

/** A port, `'host:port'`, `':port'`, `'unix:/path'` or a {@link ListenSpec}. */
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
   * Descriptor layout of the worker: 0–2, then the listeners from 3, then the control channel, and with sharing `'sharded'` a second one.
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
  readonly initial?: number;
  /** Milliseconds, the longest delay. Default: `30_000`. */
  readonly max?: number;
  /** Growth per further exit, at least 1. Default: `2`. */
  readonly factor?: number;
  /** Random share of the delay, `0..1`, added or taken away. Default: `0.2`. */
  readonly jitter?: number;
}

/**
 * When a worker is replaced by a new one of the same generation: at least one limit. The new one is ready before the old one drains, one
 * slot of the fleet at a time.
 */
export interface Recycle {
  /** Milliseconds since the worker became ready. Default: no limit. */
  readonly maxAge?: number;
  /** HTTP requests and HTTP/2 streams that the worker has begun to serve; connections of other servers. Default: no limit. */
  readonly maxRequests?: number;
  /** Bytes of resident memory, looked at in the worker once a second while requests come, else every ten seconds. Default: no limit. */
  readonly maxRss?: number;
  /** By what share of itself, `0..1`, each worker's limit is lowered at random at most. Default: `0.2`. */
  readonly jitter?: number;
}

/** Console and pino fit. */
export interface Logger {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** Certificates: loaded and checked in the master, handed to every worker as `worker.tls`. */
export type TlsOptions = SecureContextOptions & {
  /**
   * Path of the PEM private key, read by the master, again at every reload. A relative one begins at the directory that the program
   * was started in. Excludes `key`.
   */
  readonly keyFile?: string;
  /** Path of the PEM certificate chain, as `keyFile`. Excludes `cert`. */
  readonly certFile?: string;
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
  /** Aborted when the drain begins: the fleet stops, the worker was replaced, or its master died. */
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

/** Options of {@link Prefork}. Only `serve` and `listen` are required. */
export interface PreforkOptions {
  /** Starts the server in a worker, or a ready-made `net`, `http`, `https` or HTTP/2 server. */
  readonly serve: Serve | Server;
  readonly listen: ListenTarget | readonly ListenTarget[];
  /** Names the fleet in logs and tells several fleets of one program apart. Default: `'0'`, `'1'`… in order of construction. */
  readonly name?: string;
  /** Number of workers, at least 1. Default: CPUs available to this process (affinity and cgroup quota aware). */
  readonly workers?: number;
  /**
   * `'shared'`: one socket for all workers. `'sharded'`: one for each slot, held by the master; a server of `node:net` must listen
   * on every TCP address when the worker is ready.
   * `'reuseport'`: each worker binds its own. Unix sockets are always shared. Default: `'shared'`.
   * @throws PreforkError `ERR_PREFORK_REUSEPORT_UNSUPPORTED` from the start of the fleet where the kernel cannot do it.
   */
  readonly sharing?: Sharing;
  readonly tls?: TlsOptions;
  /** Unrequested exits inside `recoverWindow` that are recovered before giving up. Default: `5 × workers`; `Infinity`: never give up. */
  readonly recoverThreshold?: number;
  /** Milliseconds, sliding. Default: `60_000`; `Infinity`: the master's lifetime. */
  readonly recoverWindow?: number;
  /** Milliseconds before every recovery, or the growth of a per-slot delay. */
  readonly recoverInterval?: number | Backoff;
  /** `'spawn'` for workers that speak no control channel: ready once exec succeeded. Default: `'listening'`. */
  readonly readiness?: 'listening' | 'spawn';
  /** Milliseconds a worker may take to become ready before it is killed. Default: `30_000`. */
  readonly readyTimeout?: number;
  /**
   * Milliseconds that a ready worker has to serve until it counts as one that stays. Reload and recycling keep the old worker of the first slot
   * until then, and `reload()` and `scale()` resolve when the last new worker has stayed; one that ends before fails them. Default: `1_000`;
   * `0`: ready is enough.
   */
  readonly readyFor?: number;
  /** Milliseconds between SIGTERM (or the drain request) and SIGKILL when the fleet stops. Default: `5_000`. */
  readonly shutdownGracePeriod?: number;
  /** How many processes above `workers` a reload may have, those that drain not counted, at least 1: so many slots change hands at a time. Default: `1`. */
  readonly maxSurge?: number;
  /**
   * Milliseconds that a worker may take to finish what it accepted after a reload, a recycling or `scale()` took its slot; then it ends what is
   * left, and is killed 200 ms later if it is still there. Default: `30_000`.
   */
  readonly drainTimeout?: number;
  /**
   * How many workers that were replaced may drain at a time, at least 1. One more, and the oldest gets 1 s to end in. Default: `Infinity`,
   * and a warning in the log when as many as serve drain for longer.
   */
  readonly maxDraining?: number;
  /**
   * What a worker does when its last connection has ended and the promise of `prefork()` has settled, but a timer or a socket of the app keeps
   * it alive. Default: `false`, it stays until the deadline, because code behind `prefork()` may still clean up; a line of the log names
   * after 1 s what keeps it. Milliseconds: it is ended then. `true`: it is ended as soon as that code has had its turn, as with `0`.
   */
  readonly exitAfterDrain?: boolean | number;
  /**
   * Milliseconds without progress of its event loop after which a ready worker is killed and recovered, with its JavaScript stack in
   * the log: 100 at least; noticed after 1 to 1.5 times as long. Exempt while a debugger is connected. Default: off.
   */
  readonly livenessTimeout?: number;
  /** Replaces workers by age, work done or memory. Default: off. */
  readonly recycle?: Recycle;
  /** Runs in: master, one at a time, after every spawn. Throw: stops the fleet with `ERR_PREFORK_HOOK`. */
  readonly onChildSpawn?: (pid: number, worker: WorkerInfo) => void | Promise<void>;
  /** Runs in: master, once, after every worker is ready. Throw: stops the fleet with `ERR_PREFORK_HOOK`. */
  readonly onMasterReady?: (pids: number[]) => void | Promise<void>;
  /** Runs in: master, when the slot of a worker that was lost is served again. Throw: stops the fleet with `ERR_PREFORK_HOOK`. */
  readonly onChildRecover?: (oldPid: number, newPid: number) => void | Promise<void>;
  /** Runs in: master, after every exit. Throw: logged. */
  readonly onChildExit?: (worker: WorkerInfo, exit: ExitInfo) => void;
  /**
   * Runs in: a worker whose master died. Default: drain, then exit 1. The process is gone after `shutdownGracePeriod` at the
   * latest, even with a blocked event loop. `'kill'`: gone at once. `false`: no watch.
   */
  readonly onMasterDeath?: (() => void | Promise<void>) | 'kill' | false;
  /** Runs in: master, instead of the native spawn. Must return a started `ChildProcess`. */
  readonly commandProducer?: (command: Command) => ChildProcess | Promise<ChildProcess>;
  /** Default: lines on stderr. `false`: silence. */
  readonly logger?: Logger | false;
  /** Install the signal table in the master. Default: `true`. */
  readonly signals?: boolean;
  /** Program of the workers. Default: this program, re-executed. */
  readonly exec?: string;
  readonly args?: readonly string[];
  readonly execArgv?: readonly string[];
  /** Working directory of the workers, from that of the master. A link in it is followed by every reload. Default: that of the master. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Descriptors 0–2 of the workers: a word for all three, or up to three words, descriptors or open streams. Default: `['ignore', 'inherit', 'inherit']`. */
  readonly stdio?: 'inherit' | 'ignore' | 'pipe' | readonly StdioTarget[];
  /** User id of the workers, dropped to between fork and exec. */
  readonly uid?: number;
  readonly gid?: number;
  /** Supplementary groups. Default: those of the user `uid`. */
  readonly groups?: readonly number[];
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

export type FleetState = 'starting' | 'running' | 'reloading' | 'stopping' | 'stopped';

/** A snapshot of the fleet, safe to serialise. */
export interface Status {
  readonly pid: number;
  readonly state: FleetState;
  readonly generation: number;
  readonly sharing: Sharing;
  readonly addresses: readonly ListenerAddress[];
  readonly workers: readonly Omit<WorkerInfo, 'send'>[];
  /** Workers recovered since the start. */
  readonly recoveries: number;
  readonly queues: readonly QueueStatus[];
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

/** What this OS and kernel can do, probed once; `reasons` tells why where a value is false. */
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
