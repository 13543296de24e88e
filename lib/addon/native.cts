/**
 * The typed border of the addon: what `native/binding/addon.cc` exports. Native code does what JavaScript cannot, syscalls;
 * TypeScript owns every decision. Functions take one options object, return plain values, or throw an error of Node's
 * own shape (`code`, negative `errno`, `syscall`, and `address`/`port`/`path` where they apply).
 */

import type { Features } from '../types.js' with { 'resolution-mode': 'import' };

/** A descriptor that JavaScript now owns: close it exactly once with `closeFd`, or hand it on. */
export type Fd = number;

export interface TcpListenRequest {
  readonly family: 'IPv4' | 'IPv6';
  /** Numeric address. */
  readonly address: string;
  readonly port: number;
  readonly backlog: number;
  /** Only for IPv6. */
  readonly ipv6Only: boolean;
  /** Sets `SO_REUSEPORT` before bind. */
  readonly reusePort: boolean;
}

export interface UnixListenRequest {
  readonly family: 'unix';
  /** At most `unixPathMax` bytes. */
  readonly path: string;
  readonly backlog: number;
  /** chown(2) between bind and listen: ids; absent is left as it is. */
  readonly owner?: number;
  readonly group?: number;
  /** chmod(2) between bind and listen. */
  readonly mode?: number;
}

/** A user of this machine. */
export interface User {
  readonly uid: number;
  /** The primary group. */
  readonly gid: number;
  readonly name: string;
  readonly home: string;
  /** All groups, the primary one among them. */
  readonly groups: readonly number[];
}

export interface BoundSocket {
  readonly fd: Fd;
  readonly family: 'IPv4' | 'IPv6' | 'unix';
  readonly address: string;
  /** TCP only. */
  readonly port?: number;
}

export interface InspectedSocket {
  readonly family: 'IPv4' | 'IPv6' | 'unix' | 'other';
  readonly type: 'stream' | 'other';
  readonly listening: boolean;
  readonly nonBlocking: boolean;
  readonly closeOnExec: boolean;
  readonly reusePort: boolean;
  /** IPv6: it takes no clients of IPv4. */
  readonly ipv6Only: boolean;
  readonly address: string;
  readonly port?: number;
}

/** Which sockets of one `SO_REUSEPORT` group, made by `listen({ reusePort: true })` on one address, get new connections. */
export interface SteerRequest {
  /** Any listener of the group; a program belongs to the group, not to the socket. */
  readonly fd: Fd;
  /**
   * Members that get connections, evenly and at random, in any order. A number is the position in the order of listen(2); closing a
   * member moves the last one into its place. Empty: all of them.
   */
  readonly live: readonly number[];
  /** How many members the group has, 1 to 4092. Where it has fewer the kernel's hash chooses for the numbers without a member. */
  readonly size: number;
}

/** Descriptors on their way to another process. */
export interface FdMessage {
  /** For the receiver to know them by: an integer from 0 to 2³² − 1. */
  readonly tag: number;
  /** Words that go with them, at most 8192 bytes. */
  readonly text?: string;
  /** At most 64; none only beside words. */
  readonly fds: readonly Fd[];
}

/** For a service manager. */
export interface Notice {
  /** NOTIFY_SOCKET: an absolute path, or `@` and an abstract name. */
  readonly address: string;
  /** `KEY=value`, one a line. */
  readonly text: string;
  /** For the manager to keep, at most 64; they stay the sender's. */
  readonly fds: readonly Fd[];
}

export interface SpawnRequest {
  /** Searched on the PATH of `env` when it has no slash. */
  readonly file: string;
  /** The whole argv, `argv[0]` included. */
  readonly args: readonly string[];
  /** `KEY=value` strings. */
  readonly env: readonly string[];
  readonly cwd?: string;
  /** Descriptor `i` of the child is a duplicate of `fds[i]`; every other descriptor is closed in the child. */
  readonly fds: readonly Fd[];
  readonly uid?: number;
  readonly gid?: number;
  /** setgroups(2); left alone when absent. */
  readonly groups?: readonly number[];
  /**
   * Arm `PR_SET_PDEATHSIG` with SIGKILL, and check afterwards that the parent is still the caller. Nothing without
   * `features.parentDeathSignal`.
   */
  readonly dieWithParent: boolean;
  /** Append `LISTEN_PID=<pid>` to the environment, written in the child. Nothing on macOS, where posix_spawn(2) has no place for it. */
  readonly listenPid: boolean;
}

export interface NativeExit {
  readonly code: number | null;
  /** Signal number, or `null`. */
  readonly signal: number | null;
}

/** One native child. Its pid is never confused with a recycled one. */
export interface NativeChild {
  readonly pid: number;
  /** False when the process has already ended; throws for EPERM, EINVAL. */
  kill(signal: number): boolean;
  /** The addon still reports its exit, but that no longer keeps the event loop alive: for a process that no signal ends. */
  unref(): void;
}

export interface MasterWatchRequest {
  /** The master's pid as the environment says it. */
  readonly pid: number;
  /** Worker's end of the control channel; end-of-file on it means that the master is gone. Watched, never read. `-1`: none. */
  readonly controlFd: Fd;
}

/** A native thread in the worker: notices the master's death and enforces deadlines while the event loop is blocked. */
export interface MasterWatch {
  /**
   * What happens at the master's death: `onDeath` is called, and `grace` ms later the process is ended with exit code 1
   * (`grace: 0`: at once, without calling `onDeath`). `grace: null` disables the watch.
   * `keepDeathSignal: false` clears `PR_SET_PDEATHSIG`, where there is one, once the watch is proven to be armed.
   */
  configure(options: { readonly grace: number | null; readonly keepDeathSignal: boolean }): void;
  /** Ends the process with `code` in `ms` milliseconds from now unless it is gone by then. A second call moves the deadline. */
  exitAfter(ms: number, code: number): void;
  close(): void;
}

export interface QueueWatchRequest {
  /** Listening sockets, watched from now on; `add` takes more. */
  readonly fds: readonly Fd[];
  /** Milliseconds between noticing a connection in a queue and looking again, 0 to an hour. Default 50. */
  readonly delay?: number;
  /** How many more looks, 2 ms apart, must find a connection, 0 to 100. Default 0. */
  readonly confirmations?: number;
}

/** An accept queue that held a connection when it was looked at, and that holds one after the delay. */
export interface WaitingQueue {
  readonly fd: Fd;
  /**
   * Milliseconds since a connection was noticed in it, at least the delay; not necessarily the same connection all the time. Much more
   * than the delay means that this process, or the machine, stood still meanwhile.
   */
  readonly since: number;
}

/**
 * A native thread that watches accept queues without accepting. It sleeps while all are empty, is woken at most twice per queue and
 * delay while connections come, and does not keep the event loop alive. It ends with `close()`, the environment or the process.
 */
export interface QueueWatch {
  /** A queue that is not empty now is noticed now. Throws `epoll_ctl` EEXIST for a socket that is watched, EBADF after `close()`. */
  add(fd: Fd): void;
  /** No report names this socket afterwards, and it may be closed; it must not be before. Does nothing for one that is not watched. */
  remove(fd: Fd): void;
  /**
   * Watches a socket again that was reported: one report for each, until then. One that is still waiting is reported again after the
   * delay. Does nothing for one that was not reported; throws `epoll_ctl` ENOENT for one that is not watched.
   */
  rearm(fd: Fd): void;
  /** No report comes afterwards. Idempotent. */
  close(): void;
}

/** A listener of this process, as far as libuv accepts from it. */
export interface NativeAcceptLine {
  /** Stops accepting, without closing anything. False: libuv does not watch it yet; tried again before every poll until `enter()`. */
  leave(): boolean;
  /** Accepts again what the queue holds, unless descriptors are short: then as soon as they are not. */
  enter(): boolean;
  /** To be called when the listener is closed, or to leave it as it is. */
  close(): void;
}

export interface AcceptLinesRequest {
  /**
   * Connections of this process that are open, and how many there ever were; both wrap. Looked at before every poll. In a
   * SharedArrayBuffer: native code keeps a pointer into it, and an ArrayBuffer can be transferred, with its memory.
   */
  readonly counts: Uint32Array;
  /** What `makeBoard` made, and the row of this process. Without it the process never stays away to let others catch up. */
  readonly board?: BoardPlace;
}

export interface NativeAcceptLines {
  /** `exclusive`: stands in line with the other processes that accept from it, where `features.exclusiveAccept` is true. */
  add(fd: Fd, exclusive: boolean): NativeAcceptLine;
  /** Looks at every queue afresh, as a worker that enters the line does, and goes to the end of it. */
  look(): void;
}

/** What a worker has of the memory that the workers of its fleet share. */
export interface BoardPlace {
  readonly fd: Fd;
  readonly row: number;
}

/** Memory that the workers of a fleet share: what each of them holds, as a hint for the others. */
export interface NativeBoard {
  /** For workers to inherit; this object's. */
  readonly fd: Fd;
  /** How many there are. */
  readonly rows: number;
  /** For a new worker. */
  take(row: number): void;
  /** The worker is gone. */
  clear(row: number): void;
  close(): void;
}

/** Memory in which each worker writes what it counts, a line for each. */
export interface NativeScoreboard {
  /** For workers to inherit; this object's. */
  readonly fd: Fd;
  /** How many lines there are. */
  readonly rows: number;
  /** All of it. */
  readonly memory: ArrayBuffer;
  /** Closes the descriptor; the memory lives as long as something refers to it. */
  close(): void;
}

export interface DescriptorRoom {
  /** Whether fewer descriptors are left than an eighth of the limit, and than 128. All listeners have been left, or entered again. */
  readonly short: boolean;
  readonly open: number;
  readonly limit: number;
}

/** What every system has. */
export interface CommonAddon {
  /** Whether this is the first thread of the process, the one whose end is the end of the process. */
  readonly mainThread: boolean;
  /** Probed at every read. */
  readonly features: Features;

  /** A bound, listening, non-blocking socket that no child inherits by itself. */
  listen(request: TcpListenRequest): BoundSocket;
  inspectListener(fd: Fd): InspectedSocket;
  closeFd(fd: Fd): void;
}

/** What Linux and macOS share: `posix()` of `narrow.cts`. */
export interface PosixAddon extends CommonAddon {
  /** A bound, listening, non-blocking, close-on-exec socket. */
  listen(request: TcpListenRequest | UnixListenRequest): BoundSocket;
  /** listen(2) again, to put a backlog back in force. */
  setBacklog(fd: Fd, backlog: number): void;
  /** connect(2) as a question: is anyone behind this unix socket path? */
  probeUnix(path: string): 'live' | 'stale' | 'absent' | 'not-a-socket';
  /** How many bytes the path of a unix socket may have. */
  readonly unixPathMax: number;
  /** An exclusive flock(2) on a file that is created when missing; `undefined` when another process holds it. */
  lockFile(path: string): Fd | undefined;

  /** How many bytes of a connection have arrived and were not read. `ioctl(FIONREAD)`. */
  bytesWaiting(fd: Fd): number;
  /**
   * Sends the end-of-file of a connection, and refuses what comes after it, unless bytes have arrived that were not read; returns whether it
   * did. In one call, because between two of JavaScript a client has the time for a request. `shutdown(2)`
   */
  endIfSilent(fd: Fd): boolean;

  /** A close-on-exec duplicate. */
  dupFd(fd: Fd): Fd;
  setCloseOnExec(fd: Fd): void;
  /** Sets `O_NONBLOCK`; returns whether it was set before. */
  setNonBlocking(fd: Fd): boolean;
  /** A connected pair of close-on-exec stream sockets. */
  socketPair(): [Fd, Fd];
  /** Close-on-exec `[read, write]`. */
  pipe(): [Fd, Fd];
  /** A channel for `sendFds` and `recvFds`: a connected pair of close-on-exec, non-blocking sockets, which nothing else reads or writes. */
  fdChannel(): [Fd, Fd];
  /**
   * Sends one message, whole or not at all, and never waits. The descriptors stay the sender's: the receiver gets duplicates,
   * which hold a listener and its queue open from now on, also before they are received.
   * `'full'`: try again later, the receiver has not read for long or the system is short of memory. `'gone'`: no process holds the other
   * end. Throws `sendmsg` EBADF when one of the descriptors is not open.
   */
  sendFds(channel: Fd, message: FdMessage): 'sent' | 'full' | 'gone';
  /**
   * Takes one message, and never waits: `undefined` when there is none, also after the other end was closed. The descriptors are
   * close-on-exec and the caller's. Throws `recvmsg` EMFILE when this process could not take all of them; those that came are closed,
   * the message is lost, the next one can be received.
   */
  recvFds(channel: Fd): { readonly tag: number; readonly text: string; readonly fds: Fd[] } | undefined;
  /** Blocks this thread until a message waits, the other end is closed, or `timeout` milliseconds have passed, 60,000 at most. */
  awaitFds(channel: Fd, timeout: number): void;
  /** `/dev/null` for reading and writing, close-on-exec. Node's own open(2) needs a permission for that under `--permission`. */
  openNull(): Fd;
  /** Whether this process has a controlling terminal. Needs no permission of Node either. */
  hasControllingTerminal(): boolean;

  /**
   * Writes what the descriptor takes at once, whatever the mode of the description that it shares with others; returns how many bytes,
   * 0 when it is full. Up to PIPE_BUF bytes (Linux: 4096) go into a pipe whole or not at all. Throws EPIPE or EIO when the reader or
   * the terminal is gone.
   */
  writeNow(fd: Fd, bytes: Uint8Array): number;
  /**
   * Puts `/dev/null` in the place of those of descriptors 0-2 that are a terminal which has hung up, so that no write to it fails, and
   * no reset of it at exit. False: for want of descriptors one is left.
   */
  replaceDeadTerminals(): boolean;
  /** Puts `/dev/null` in the place of a stderr that takes nothing for a second: for a process that ends, and prints why. */
  replaceFullStderr(): void;

  /** Main thread only. `onExit` is called once, after the reap. */
  spawn(request: SpawnRequest, onExit: (exit: NativeExit) => void): NativeChild;
  /** By id or name; `undefined` when the user is not in the database. */
  findUser(user: number | string): User | undefined;
  /** The id of a group; `undefined` when no group has the name. */
  findGroup(name: string): number | undefined;

  /**
   * Listeners that the event loop of the main thread accepts from. While one is known, the descriptors of the process are looked at
   * before every poll, and all listeners are left in time when they become short: libuv answers EMFILE by closing what is queued.
   * `undefined` in other threads, and where `features.acceptLine` is false. Once per process.
   */
  acceptLines(request: AcceptLinesRequest, onRoom: (room: DescriptorRoom) => void): NativeAcceptLines | undefined;

  /** Throws `memfd_create` ENOSYS on Linux before 3.17, and where V8 takes no memory of others. */
  makeScoreboard(): NativeScoreboard;
  /** The line of this process in it; the descriptor can be closed. Throws `mmap` EINVAL when that is no scoreboard. */
  openScoreboard(place: BoardPlace): ArrayBuffer;
  /**
   * Writes into a line what `lib/protocol/scoreboard.ts` has of the event loop, before every poll. Once per process; false: it cannot.
   * `line`: of what `openScoreboard` returned, or of a SharedArrayBuffer, because native code keeps a pointer into it.
   */
  timeTurns(line: Float64Array): boolean;
  /** Bytes of resident memory, and milliseconds of CPU time; `undefined` of a process that is gone, or hidden. */
  usage(pid: number): { readonly rss: number; readonly cpu: number } | undefined;

  /** Main thread only, once per process. */
  watchMaster(request: MasterWatchRequest, onDeath: () => void): MasterWatch;
}

/**
 * What only Linux has: guards, steering and watching of queues, and PID 1. `linux()` of `narrow.cts`,
 * after `features` said that it is there.
 */
export interface LinuxAddon extends PosixAddon {
  /** Bound, never listening: keeps a second master of the same user off an address shared through `SO_REUSEPORT`. */
  guard(request: Omit<TcpListenRequest, 'backlog' | 'reusePort'>): BoundSocket;
  /** A unix socket without a file. `name` is the whole address, NUL in front: NULs behind it are a part of it. */
  listenAbstract(name: string, backlog: number): BoundSocket;
  /** Of a TCP socket by `TCP_INFO`, of a unix socket by sock_diag(7), which throws where the kernel was built without it. */
  queueDepth(fd: Fd): { readonly depth: number; readonly limit: number };
  /**
   * Refuses new connections, through every copy of the socket, for good. What is queued, and what is in the middle of a handshake, can
   * still be accepted. A unix socket refuses newcomers at once, and is readable for ever once its queue is empty. A TCP socket leaves them
   * unanswered: they try again a second later. Throws EINVAL for a socket that does not listen, and `setsockopt(SO_ATTACH_FILTER)` EPERM
   * for a TCP socket where the kernel wants CAP_NET_ADMIN.
   */
  sealListener(fd: Fd): void;
  /**
   * As {@link sealListener} of a TCP socket, without a privilege and for this socket alone: the kernel refuses newcomers. Members of a group
   * that are neither hidden nor closed may still lead a client to it. Throws EINVAL for a socket that does not listen, EAFNOSUPPORT for a unix
   * socket.
   */
  hideListener(fd: Fd): void;
  /**
   * While a TCP socket is deaf the kernel leaves clients unanswered that are led to it, and they ask again a second later. For one that has no
   * connections: they would inherit it. Throws EAFNOSUPPORT for a unix socket.
   */
  deafenListener(fd: Fd, deaf: boolean): void;
  /**
   * As {@link sealListener} of TCP sockets, without a privilege: opens one more socket at their address, which the kernel gives every client
   * that begins a connection, and which leaves it unanswered. `fds` is one socket, or all of a group in the order of their listen(2). Returns
   * that socket, to be closed after them. Throws EINVAL for a socket that does not listen, EAFNOSUPPORT for a unix socket, and `bind`
   * EADDRINUSE for one that another user has opened.
   */
  divertNewcomers(fds: readonly Fd[]): Fd;
  /**
   * Ends the listening itself, for every holder: resets what is queued, and another socket may bind the address. Throws EINVAL for a socket
   * that does not listen.
   */
  dismissListener(fd: Fd): void;
  /** Handshakes that have begun at the port of a TCP listener and are not in its queue yet. Throws `sock_diag` where the kernel does not report that. */
  handshakes(fd: Fd): number;
  /** Milliseconds since a connection last sent or received bytes, or was made; `undefined` of a unix socket. `TCP_INFO`. */
  idleTime(fd: Fd): number | undefined;
  /**
   * Steers the connections that are made from now on, and replaces what was in force in one step. Connections that are
   * queued stay where they are, and so does one whose handshake has begun. Throws `setsockopt(SO_ATTACH_REUSEPORT_CBPF)` EINVAL for a
   * socket that does not listen or is in no group, and ENOMEM where the kernel's `net.core.optmem_max` is too small: 20 KiB, the
   * default until Linux 6.8, are enough for every choice out of 2,000.
   */
  steer(request: SteerRequest): void;
  /**
   * Sends a notice to a service manager, sd_notify(3), and never waits. False: its queue is full, or this process has no memory for it, or no
   * descriptor for the socket, which stays open from the first notice on; try again later. Throws `sendmsg` ENOENT, ECONNREFUSED and the like
   * when no manager listens at the address.
   */
  notify(notice: Notice): boolean;
  /** Reaps zombies by pid that are not in `own` and that an earlier call has already seen; true while some are left. */
  reapStrangers(own: readonly number[]): boolean;
  /**
   * Calls `onWaiting` with those of the queues that stay non-empty, several in one call where they are noticed together. Never
   * during this call.
   */
  watchQueues(request: QueueWatchRequest, onWaiting: (queues: WaitingQueue[]) => void): QueueWatch;
  /** Throws `memfd_create` ENOSYS on Linux before 3.17. */
  makeBoard(): NativeBoard;
  /**
   * SIGTTIN or SIGTTOU: what the kernel sends because a background job touches its terminal stops this process, as it stops one without
   * a handler; what another process sends is heard. To be called after a handler was installed. Does nothing without one.
   */
  leaveToJobControl(signal: number): void;
  /**
   * Gives memory that malloc(3) keeps, and nothing uses, back to the kernel: `malloc_trim(3)`. Takes about a millisecond. `heap`: V8
   * collects its own before, which takes 12 ms for 3 MB that live, and 120 for 25.
   */
  releaseFreeMemory(heap: boolean): void;
}
