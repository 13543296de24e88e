/** Errors of the operating system in Node's own shape, for what is noticed here and not by a system call of the addon. */

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
}

/** @param code Name of an errno, e.g. `EADDRINUSE`. */
export function systemError(code: keyof typeof constants.errno, details: SystemErrorDetails): SystemError {
  const { syscall, address, port, path, hint, cause } = details;
  const errno = -constants.errno[code];
  const text = getSystemErrorMap().get(errno)?.[1] ?? 'system error';
  const where = path ?? (port === undefined ? address : placeText(address, port));
  const message = `${syscall} ${code}: ${text}${where === undefined ? '' : ` ${where}`} (${hint})`;
  const error = new Error(message, cause === undefined ? undefined : { cause });
  return Object.assign(error, { code, errno, syscall, ...defined({ address, port, path }) });
}

/** The same error with the way out in its message; `overrides` replace properties. The original is its `cause`. */
export function explained(
  error: unknown,
  hint: string | undefined,
  overrides: { readonly path?: string } = {},
): unknown {
  if (hint === undefined || !isSystemError(error)) return error;
  const { code, errno, syscall, address, port, path } = error;
  const { hostname } = error as { hostname?: string };
  const copy = new Error(`${error.message} (${hint})`, { cause: error });
  return Object.assign(copy, { code, errno, syscall, ...defined({ address, port, path, hostname }), ...overrides });
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
