/**
 * Every error that the package raises by itself. Errors of the operating system keep Node's own shape
 * (`code`, negative `errno`, `syscall`, `address`/`port`/`path`) and are made in `system-error.ts`.
 * Codes are semver-stable, messages are not.
 */

import { attempt } from './in-words.cjs';

/** Stable codes of the outcomes and misuses that the package reports. */
export type PreforkErrorCode =
  | 'ERR_PREFORK_INVALID_OPTION'
  | 'ERR_PREFORK_OVER_RECOVERY'
  | 'ERR_PREFORK_BOOT_FAILED'
  | 'ERR_PREFORK_HOOK'
  | 'ERR_PREFORK_IN_HOOK'
  | 'ERR_PREFORK_COMMAND_PRODUCER'
  | 'ERR_PREFORK_COMMAND_PRODUCER_NIL'
  | 'ERR_PREFORK_COMMAND_PRODUCER_NOT_STARTED'
  | 'ERR_PREFORK_REUSEPORT_UNSUPPORTED'
  | 'ERR_PREFORK_UNSUPPORTED'
  | 'ERR_PREFORK_NOT_MASTER'
  | 'ERR_PREFORK_WORKER_THREAD'
  | 'ERR_PREFORK_INHERITED_LISTENER'
  | 'ERR_PREFORK_ADDON_NOT_FOUND'
  | 'ERR_PREFORK_BUNDLED'
  | 'ERR_PREFORK_NOT_BUILT';

/** How one worker process ended: the evidence inside a {@link PreforkError}. */
export interface WorkerExit {
  readonly pid: number;
  /** Worker position, `0..workers-1`. */
  readonly slot: number;
  readonly generation: number;
  /** Exit code, or `null` when a signal ended the process. */
  readonly code: number | null;
  /** Name of the signal that ended the process, or `null`. */
  readonly signal: NodeJS.Signals | null;
  /** Milliseconds from spawn to exit. */
  readonly uptime: number;
  /**
   * The last lines that the worker wrote to stderr, at most 20 lines and 8192 characters: before it was ready, or since then. With
   * `stdio: 'pipe'` the master reads all of them. Otherwise the worker reports them: what went through `process.stderr`, and the error that
   * it did not catch. A worker that has served reports them only when it exits with another code than 0: they are `''` when a signal killed it.
   */
  readonly stderr: string;
}

/** An outcome of the fleet: what went wrong, why (`cause`), and the exits that prove it. */
export class PreforkError extends Error {
  override readonly name = 'PreforkError';
  readonly code: PreforkErrorCode;
  readonly exits: readonly WorkerExit[];

  constructor(
    code: PreforkErrorCode,
    message: string,
    details: { cause?: unknown; exits?: readonly WorkerExit[] } = {},
  ) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.exits = details.exits ?? [];
  }
}

/** Adds the stable code to a built-in error class without changing its `name`. */
export interface InvalidOptionError extends TypeError {
  readonly code: 'ERR_PREFORK_INVALID_OPTION';
  /** Dotted path of the option, e.g. `listen[1].port`. */
  readonly option: string;
}

/** What an invalid value looked like, short enough for a message. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value);
  if (typeof value === 'function') return `a function (${attempt(() => value.name) || 'anonymous'})`;
  if (typeof value === 'bigint') return `${value}n`;
  // What a program passes may be a proxy, or have getters, that throw.
  if (typeof value === 'object' && value !== null) return attempt(() => showObject(value)) ?? 'an object';
  return String(value);
}

function showObject(value: object): string {
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return `an object (${value.constructor?.name ?? 'null prototype'})`;
}

/**
 * Misuse by the caller: names the option, the value that was given and what is allowed.
 * `RangeError` when the type was right and the value was not, `TypeError` otherwise.
 * `shown` replaces the value in the message: key material must not end up in a log.
 */
export function invalidOption(
  option: string,
  value: unknown,
  allowed: string,
  { range = false, cause, shown = show(value) }: { range?: boolean; cause?: unknown; shown?: string } = {},
): InvalidOptionError {
  return optionError(
    range ? RangeError : TypeError,
    option,
    `Option '${option}' must be ${allowed}; got ${shown}`,
    cause,
  );
}

/** An option that does not exist. @param meant What to use instead, in quotation marks. Default: the message lists all that there are. */
export function unknownOption(
  option: string,
  value: unknown,
  meant: string | undefined,
  known: readonly string[] = [],
  shown = show(value),
): InvalidOptionError {
  const advice =
    meant === undefined
      ? `there ${known.length === 1 ? 'is only' : 'are'} ${known.join(', ')}`
      : `did you mean ${meant}?`;
  return optionError(TypeError, option, `There is no option '${option}': ${advice}; got ${shown}`);
}

function optionError(Base: ErrorConstructor, option: string, message: string, cause?: unknown): InvalidOptionError {
  const error = new Base(message, cause === undefined ? undefined : { cause });
  return Object.assign(error, { code: 'ERR_PREFORK_INVALID_OPTION' as const, option });
}

/** `start()` of a fleet that was asked to stop before every worker was ready. */
export function stoppedEarly(): Error {
  return aborted('The fleet was stopped before every worker was ready');
}

/** What only a fleet can do that was started. */
export function neverStarted(): Error {
  return aborted('The fleet was not started: call start() or listenAndServe() first');
}

/** What a fleet cannot do any more. @param cause What it fails of, if it does. */
export function stopsOrStopped(cause?: unknown): Error {
  return aborted('The fleet stops, or has stopped: it does not start again, reload or scale', cause);
}

/** Node's shape of an abort. */
function aborted(message: string, cause?: unknown): Error {
  const error = new Error(message, cause === undefined ? {} : { cause });
  error.name = 'AbortError';
  return Object.assign(error, { code: 'ABORT_ERR' });
}
