/**
 * Errors of the operating system in Node's own shape, for what is noticed here and not by a system call of the addon.
 */

import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';

export interface SystemErrorDetails {
  readonly syscall: string;
  readonly address?: string;
  readonly port?: number;
  readonly path?: string;
  /** The way out, appended to the message. */
  readonly hint: string;
  readonly cause?: unknown;
}

export interface SystemError extends NodeJS.ErrnoException {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  readonly address?: string;
  readonly port?: number;
  readonly path?: string;
  readonly hostname?: string;
}

/** @param code Name of an errno, e.g. `EADDRINUSE`. */
export function systemError(code: keyof typeof constants.errno, details: SystemErrorDetails): SystemError {
  const { syscall, address, port, path, hint, cause } = details;
  // libuv's numbers, as in every other error of Node: on Windows those of the C library are others.
  const known = [...getSystemErrorMap()].find(([, [name]]) => name === code);
  const errno = known?.[0] ?? -constants.errno[code];
  const text = known?.[1][1] ?? 'system error';
  const where = path ?? (port === undefined ? address : placeText(address, port));
  const message = `${syscall} ${code}: ${text}${where === undefined ? '' : ` ${where}`} (${hint})`;
  const error = new Error(message, cause === undefined ? undefined : { cause });
  return Object.assign(error, { code, errno, syscall, ...defined({ address, port, path }) });
}

/**
 * The same error with the way out in its message, in place of a shorter one that the addon may have given; `path`
 * replaces the path of a file that the caller never heard of. The original is its `cause`.
 */
export function explained(error: unknown, way: string | undefined, path?: string): unknown {
  if (!isSystemError(error)) return error;
  const hint = shortage(error, way);
  if (hint === undefined) return error;
  const { code, syscall, address, port } = error;
  if (isErrnoName(code)) {
    const where = { address, port, path: path ?? error.path };
    return systemError(code, { syscall, ...defined(where), hint, cause: error });
  }
  // Codes of getaddrinfo(3) (ENOTFOUND, EAI_AGAIN) are no errno: Node's own message is kept.
  const { errno, hostname } = error;
  return Object.assign(
    new Error(`${error.message} (${hint})`, { cause: error }),
    defined({ code, errno, syscall, hostname }),
  );
}

/** What helps against a limit, or a machine that has no more, whatever the master was about to do. */
const SHORT_OF: Readonly<Record<string, string>> = {
  EAGAIN: 'no process more for this user, or the cgroup: raise ulimit -u, pids.max or TasksMax= of systemd',
  EDQUOT: 'the disk quota of this user is used up: make room, or raise it',
  EMFILE: 'the process may not open more: raise its limit of open files, ulimit -n or LimitNOFILE= of systemd',
  ENFILE: 'all processes together may not open more: raise the sysctl fs.file-max',
  ENOBUFS: 'the kernel has no memory for it: give the machine or the cgroup more',
  ENOLCK: 'this file system has no lock for it: name a path on another one',
  ENOMEM: 'the kernel has no memory for it: give the machine or the cgroup more',
  ENOSPC: 'the file system is full, or holds as many files as it can: make room there, or name a path on another one',
};

/** The option stays named. */
function shortage({ code }: SystemError, way: string | undefined): string | undefined {
  const cure = SHORT_OF[code];
  return cure === undefined ? way : `${/^option '\w+': /.exec(way ?? '')?.[0] ?? ''}${cure}`;
}

function isErrnoName(code: string): code is keyof typeof constants.errno {
  return Object.hasOwn(constants.errno, code);
}

export function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}

/** `127.0.0.1:80`, `[::1]:80` */
export function placeText(address: string | undefined, port: number): string {
  if (address === undefined) return `:${port}`;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function defined<T extends object>(properties: T): Partial<T> {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined)) as Partial<T>;
}
