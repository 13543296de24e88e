/**
 * The typed border of the addon on Windows: what `native/binding/windows.cc` exports. A socket is a `SOCKET` here, a handle of the
 * kernel and no descriptor of the C library; its number fits, because handles have 32 significant bits (MSDN, "Interprocess
 * Communication Between 32-bit and 64-bit Applications"). Errors have Node's own shape, with the error numbers of libuv.
 */

import type { BoundSocket, CommonAddon, Fd, InspectedSocket, MasterWatch, TcpListenRequest } from './native.cjs';

/**
 * A native thread that sleeps until a connection waits in the accept queue. It accepts none: what comes while this process is busy
 * stays in the queue that all workers share.
 */
export interface AcceptWatch {
  /** Reports once more, as soon as a connection waits, also one that waits now. Does nothing while no call of `onWaiting` was made since. */
  rearm(): void;
  /** Keeps the event loop alive, as it does from the start. */
  ref(): void;
  unref(): void;
  /** `onWaiting` is not called from here on. The socket is the caller's, who closes it now and not before. Idempotent. */
  close(): void;
}

/** A job object of the kernel that holds one worker and everything that it starts. */
export interface WorkerJob {
  /** Ends all of them with exit code `code`; false when none is left. */
  terminate(code: number): boolean;
  /** They may outlive the job from here on: closing it, or the end of this process, does not end them any more. */
  release(): void;
  /** Ends all of them unless they were released. Idempotent. The end of this process does the same. */
  close(): void;
}

export interface WindowsMasterWatchRequest {
  /** The master's pid and start as the environment says them. */
  readonly pid: number;
  readonly started?: string;
}

export interface WindowsAddon extends CommonAddon {
  /**
   * A bound (`SO_EXCLUSIVEADDRUSE`), listening, non-blocking socket that no child inherits. `reusePort` throws ENOTSUP: Windows has no
   * option that spreads connections over several sockets.
   */
  listen(request: TcpListenRequest): BoundSocket;
  /** `closeOnExec`: children do not inherit it. `nonBlocking` is always true, Windows cannot be asked; `reusePort` always false. */
  inspectListener(socket: Fd): InspectedSocket;

  /**
   * For another process: what `adoptSocket` takes there, once. From here on the socket is open in it, too, until it ends. Throws ESRCH
   * when there is no such process (any more).
   */
  duplicateSocket(socket: Fd, pid: number): Buffer;
  /** The socket that another process duplicated for this one. No child inherits it. */
  adoptSocket(info: Buffer): Fd;

  /**
   * Takes one connection out of the queue and never waits: `undefined` when none is there (any more). No child inherits it. Throws
   * EMFILE or ENOBUFS when the system is short of something: the connection stays in the queue, and a watch that is armed again at once
   * would only report the same again.
   */
  accept(socket: Fd): Fd | undefined;
  /**
   * Calls `onWaiting` once when a connection waits in the queue of a listening socket, and again after each `rearm()`. Throws EINVAL for a
   * socket that does not listen.
   */
  watchAccepts(socket: Fd, onWaiting: () => void): AcceptWatch;

  /** Throws ESRCH when there is no such process (any more). */
  createJob(pid: number): WorkerJob;

  /**
   * `true`: what this process starts from here on is ended by the kernel when this process ends, until `false` lets it go. For the time
   * between the birth of a process and its own job, also for one that was left suspended. What was born meanwhile is ended again
   * whenever this process ends while newborns are held. False where none can be held: this process is in a job that lets children out,
   * as Node's own job does, or that allows no other below it.
   */
  holdNewborns(hold: boolean): boolean;
  /** With a process that is to outlive this one: newborns then end with the last such process. Throws ESRCH when there is none. */
  shareNewborns(pid: number): void;

  /** When this process was started, as the kernel counts it: with the pid it names one process for ever. Decimal digits. */
  readonly startTime: string;
  /**
   * Once per process. `started` is the `startTime` of the master: another process that was given its number since is not taken for it.
   * Without it a process with the number is the master.
   */
  watchMaster(request: WindowsMasterWatchRequest, onDeath: () => void): MasterWatch;
}
