/**
 * A unix socket whose file is replaced atomically, never taken from a process that serves it, and removed only by its owner.
 *
 * Two masters that start at the same instant on the path of a dead one would, without a lock, do this:
 *
 *     A: connect → ECONNREFUSED (stale)
 *     B:                                  connect → ECONNREFUSED (stale)
 *     A: unlink, bind, listen (serves)
 *     B:                                  unlink (A's file!), bind, listen
 *
 * and A would serve a socket that no client can find. So the path is guarded by flock(2) on `<path>.lock`, which the
 * kernel releases when the master dies, however it dies. "Bound but not listening yet" refuses connections just like
 * "stale" does, therefore the socket is bound and made to listen under a temporary name and renamed, which also keeps
 * clients from seeing a gap.
 */

import { fstatSync, lstatSync, renameSync, type Stats, unlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Fd, PosixAddon } from '../../addon/native.cjs';
import { flagsForFolder, needsFlags, permissionModel } from '../../common/node-permission.js';
import { explained, isSystemError, systemError } from '../../common/system-error.js';
import type { OwnedPlan } from './unix-owner.js';

type Native = Pick<PosixAddon, 'listen' | 'probeUnix' | 'lockFile' | 'closeFd' | 'unixPathMax'>;

/** A socket that listens. While it is open the kernel gives the number of its file to no other one (unix_bind_bsd holds it). */
export interface BoundUnix {
  readonly fd: Fd;
  /** What getsockname(2) says: the temporary name. */
  readonly boundAs: string;
}

export interface UnixSocket extends BoundUnix {
  /** Device and number of the file that leads to it. */
  readonly file: string;
  /** What has become of the path, in words that follow it; `undefined` while it leads to this socket. Throws what lstat(2) does. */
  missing(): string | undefined;
  /** The lock file is there, or made again; false: another master has it. Throws what keeps it from being made. */
  relock(): boolean;
  /** Another socket for the path, with the same owner, mode and backlog, still under its temporary name. Throws as {@link openUnixSocket}. */
  another(): BoundUnix;
  /** Gives the path to another socket: `fd` and `boundAs` are its own from here on. The old one is the caller's to close. */
  publish(next: BoundUnix): void;
  /** Closes a socket that is not, or no longer, the one of the path. */
  discard(socket: BoundUnix): void;
  /**
   * Removes the socket's file if it is still the one made here, then the lock, and closes both. Once only.
   * @throws the first error of the file system; everything is closed nevertheless.
   */
  close(): void;
}

const NOT_GIVEN =
  'giving the unix socket to its owner and group: that needs root or CAP_CHOWN; owner and group of the address may be those of the master';

/** Temporary names are random: one that exists belongs to another path of the same folder. */
const NAME_ATTEMPTS = 100;
const TEMPORARY_NAME_LENGTH = 12;

/**
 * @throws EADDRINUSE with `path`: another master or server is alive there, or the file is no socket (and is left
 * alone).
 * @throws ENOENT, EACCES, EROFS, ENOSPC… with `path` when the folder does not let the files be made.
 * @throws PreforkError `ERR_PREFORK_UNSUPPORTED` when Node's permission model does not.
 */
export function openUnixSocket(plan: OwnedPlan, native: Native): UnixSocket {
  const { path } = plan;
  refuseWithoutPermission(path);
  const lock = takeLock(path, native);
  try {
    refuseTaken(path, native);
    const first = bindTemporary(plan, native);
    return new OpenUnixSocket(plan, native, lock, { ...first, own: rename(first, path, native) });
  } catch (error) {
    // The first error is the one to report.
    collectErrors([() => releaseLock(path, lock, native)]);
    throw error;
  }
}

/**
 * The same for a socket that the service manager has kept for the path.
 * @throws EADDRINUSE with `path` when another master has its lock, and what keeps the lock from being made. The socket stays the caller's.
 */
export function adoptUnixSocket(plan: OwnedPlan, native: Native, kept: BoundUnix): UnixSocket {
  refuseWithoutPermission(plan.path);
  const lock = takeLock(plan.path, native);
  return new OpenUnixSocket(plan, native, lock, { ...kept, own: lstatSync(plan.path) });
}

class OpenUnixSocket implements UnixSocket {
  readonly #plan: OwnedPlan;
  readonly #native: Native;
  #lock: Fd;
  #bound: BoundUnix & { readonly own: Stats };
  #closed = false;

  constructor(plan: OwnedPlan, native: Native, lock: Fd, bound: BoundUnix & { readonly own: Stats }) {
    this.#plan = plan;
    this.#native = native;
    this.#lock = lock;
    this.#bound = bound;
  }

  get fd(): Fd {
    return this.#bound.fd;
  }

  get boundAs(): string {
    return this.#bound.boundAs;
  }

  get file(): string {
    const { dev, ino } = this.#bound.own;
    return `${dev}-${ino}`;
  }

  missing(): string | undefined {
    const found = statOf(this.#plan.path);
    if (found === undefined) return 'is gone';
    return sameFile(found, this.#bound.own) ? undefined : 'was replaced by another file';
  }

  relock(): boolean {
    const { path } = this.#plan;
    if (sameFile(statOf(lockPathOf(path)), fstatSync(this.#lock))) return true;
    refuseWithoutPermission(path);
    const lock = lockOf(path, this.#native);
    if (lock === undefined) return false;
    this.#native.closeFd(this.#lock);
    this.#lock = lock;
    return true;
  }

  another(): BoundUnix {
    refuseWithoutPermission(this.#plan.path);
    refuseTaken(this.#plan.path, this.#native);
    const { mode = this.#bound.own.mode & 0o777 } = this.#plan;
    return bindTemporary({ ...this.#plan, mode }, this.#native);
  }

  publish(next: BoundUnix): void {
    const { path } = this.#plan;
    // Again: who came meanwhile keeps it.
    if (this.missing() !== undefined) refuseTaken(path, this.#native);
    const own = lstatSync(next.boundAs);
    renameSync(next.boundAs, path);
    this.#bound = { ...next, own };
  }

  discard(socket: BoundUnix): void {
    // The temporary name is random: a file that has it is this socket's.
    const errors = collectErrors([
      () => statOf(socket.boundAs) !== undefined && unlinkSync(socket.boundAs),
      () => this.#native.closeFd(socket.fd),
    ]);
    if (errors.length > 0) throw errors[0];
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const { path } = this.#plan;
    const errors = collectErrors([
      () => unlinkIfSame(path, this.#bound.own),
      () => this.#native.closeFd(this.fd),
      () => releaseLock(path, this.#lock, this.#native),
    ]);
    if (errors.length > 0) throw errors[0];
  }
}

/** Asked again: a program may give its permissions back, and the service manager may have passed another socket than this. */
function refuseWithoutPermission(path: string): void {
  const permission = permissionModel();
  const flags = permission === undefined ? [] : flagsForFolder(path, permission);
  if (flags.length > 0) throw needsFlags(flags, `the master makes the unix socket ${path}`);
}

/**
 * A lock file that was removed by its holder between open(2) and flock(2) is not enough: `lockFile` starts over then.
 */
function takeLock(path: string, native: Native): Fd {
  const fd = lockOf(path, native);
  if (fd !== undefined) return fd;
  const hint = `another master holds ${lockPathOf(path)}: stop it first, or listen on another path`;
  throw systemError('EADDRINUSE', { syscall: 'flock', path, hint });
}

function lockOf(path: string, native: Native): Fd | undefined {
  const lockPath = lockPathOf(path);
  try {
    return native.lockFile(lockPath);
  } catch (error) {
    const hint = `making ${lockPath}: the folder of a unix socket must exist, and be writable for the master`;
    throw explained(error, hint, path);
  }
}

function refuseTaken(path: string, native: Native): void {
  const refuse = (hint: string): Error => systemError('EADDRINUSE', { syscall: 'bind', path, hint });
  const other = 'a file that is no socket is there and is left alone: remove it, or listen on another path';
  // A symbolic link is not ours to replace, wherever it points; connect(2) would follow it.
  if (statOf(path)?.isSymbolicLink()) throw refuse(other);
  switch (native.probeUnix(path)) {
    case 'live':
      throw refuse('a server is alive there, or workers of a dead master are about to end: stop it first');
    case 'not-a-socket':
      throw refuse(other);
    case 'stale':
    case 'absent':
  }
}

/** The socket listens before the path leads to it. Returns its file. A socket that cannot get the path is closed. */
function rename(socket: BoundUnix, path: string, native: Native): Stats {
  try {
    const own = lstatSync(socket.boundAs);
    renameSync(socket.boundAs, path);
    return own;
  } catch (error) {
    collectErrors([() => unlinkSync(socket.boundAs), () => native.closeFd(socket.fd)]);
    throw explained(error, `giving the unix socket ${path} its name`, path);
  }
}

function bindTemporary({ path, mode, owner, group, backlog }: OwnedPlan, native: Native): BoundUnix {
  // As long as the system's limit allows: the final name has at least one character, so this one has, too.
  const folder = dirname(path);
  const room = native.unixPathMax - Buffer.byteLength(join(folder, 'x')) + 1;
  const length = Math.min(TEMPORARY_NAME_LENGTH, room);
  for (let attempt = 1; ; attempt++) {
    // The global loads node:crypto on first use: a megabyte that a master without unix sockets does not pay.
    const random = Buffer.from(crypto.getRandomValues(new Uint8Array(TEMPORARY_NAME_LENGTH))).toString('hex');
    const name = `.${random}`.slice(length < 4 ? 1 : 0).slice(0, length);
    if (name === basename(path)) continue;
    try {
      const { fd, address } = native.listen({
        family: 'unix',
        path: join(folder, name),
        backlog,
        ...(owner === undefined ? {} : { owner }),
        ...(group === undefined ? {} : { group }),
        ...(mode === undefined ? {} : { mode }),
      });
      return { fd, boundAs: address };
    } catch (error) {
      const exists = isSystemError(error) && error.code === 'EADDRINUSE';
      if (exists && attempt < NAME_ATTEMPTS) continue;
      if (isSystemError(error) && error.syscall === 'chown') throw explained(error, NOT_GIVEN, path);
      throw explained(error, `binding a temporary name for the unix socket ${path}`, path);
    }
  }
}

/** The name goes while the lock is still held: the next holder must find a file of its own. */
function releaseLock(path: string, lock: Fd, native: Native): void {
  const errors = collectErrors([() => unlinkIfSame(lockPathOf(path), fstatSync(lock)), () => native.closeFd(lock)]);
  if (errors.length > 0) throw errors[0];
}

function lockPathOf(path: string): string {
  return `${path}.lock`;
}

function unlinkIfSame(path: string, own: Stats | undefined): void {
  if (sameFile(statOf(path), own)) unlinkSync(path);
}

function sameFile(a: Stats | undefined, b: Stats | undefined): boolean {
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
}

function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

/** Runs every step whatever the others do. */
function collectErrors(steps: readonly (() => void)[]): unknown[] {
  const errors: unknown[] = [];
  for (const step of steps) {
    try {
      step();
    } catch (error) {
      errors.push(error);
    }
  }
  return errors;
}
