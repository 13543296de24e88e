/** Where log lines go. A logger must never be able to hurt the process that logs. */

import type { ListenerAddress, LogFields, Logger, WorkerInfo } from '../types.js';
import { attempt, reasonOf } from './in-words.cjs';
import { outlet } from './outlet.js';

const STDERR = 2;

/** What a line is about, beyond the process that logs it. Without an event it is a warning. */
export interface About extends Partial<Pick<LogFields, 'event' | 'slot' | 'generation' | 'reason'>> {
  readonly worker?: Pick<WorkerInfo, 'slot' | 'pid' | 'generation'>;
  readonly code?: number | string | null;
  readonly signal?: string | null;
  /** It has the code. Without a `reason` it is the reason. */
  readonly error?: unknown;
}

/** The logger that the package uses inside. */
export interface Log {
  info(message: string, about: About): void;
  warn(message: string, about?: About): void;
  error(message: string, about?: About): void;
}

/** The process that logs. */
export type Origin = Pick<LogFields, 'fleet' | 'pid' | 'slot' | 'generation'>;

/**
 * Never throws, prefixes every line.
 * @param logger The user's; `undefined`: lines on stderr; `false`: silence.
 */
export function makeLog(logger: Logger | false | undefined, prefix: string, origin: Origin): Log {
  if (logger === false) return { info() {}, warn() {}, error() {} };
  const target = logger ?? stderrLogger;
  const line =
    (level: keyof Log) =>
    (message: string, about: About = {}) => {
      try {
        const to = withFields(target, level, origin, about) ?? target;
        ignoreRejection(to[level](`${prefix}: ${message}`) as unknown);
      } catch {
        // The user's logger failed, so the package has nowhere to report it.
      }
    };
  return { info: line('info'), warn: line('warn'), error: line('error') };
}

/** The child of a logger that has fields; `undefined` when it has none, or makes none that can log. */
function withFields(target: Logger, level: keyof Log, origin: Origin, about: About): Logger | undefined {
  try {
    if (typeof target.child !== 'function') return undefined;
    const child = target.child(fieldsOf(origin, about));
    if (typeof (child as Partial<Logger> | undefined)?.[level] === 'function') return child as Logger;
    ignoreRejection(child);
  } catch {
    // The line matters more than its fields.
  }
  return undefined;
}

function fieldsOf(origin: Origin, { worker, error, event = 'warning', ...rest }: About): LogFields {
  const { slot, generation, pid } = worker ?? origin;
  const fields = {
    fleet: origin.fleet,
    event,
    // A worker that was not started has none.
    pid: pid || origin.pid,
    slot,
    generation,
    ...(error !== undefined && { code: attempt(() => (error as NodeJS.ErrnoException).code), reason: reasonOf(error) }),
    ...rest,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value != null && value !== '')) as LogFields;
}

/** The log of a master, which is there before the fleet is and after it. */
export function masterLog(
  { logger, name }: { readonly logger?: Logger | false | undefined; readonly name: string },
  pid: number,
): Log {
  return makeLog(logger, `prefork[${name}] master ${pid}`, { fleet: name, pid });
}

/** An async function fits the type of a logger as well, and its rejection would end the process. */
function ignoreRejection(returned: unknown): void {
  // A thenable that throws when it is looked at rejects.
  if (typeof returned === 'object' && returned !== null) Promise.resolve(returned).then(undefined, () => {});
}

/**
 * Without a stream: process.stderr raises 'error' (EPIPE after its reader died, ENOSPC on a full disk), which would end a master that
 * no reader listens to any more.
 */
const write = (level: keyof Log) => (message: string) => outlet(STDERR).log(message, level);

const stderrLogger: Logger = { info: write('info'), warn: write('warn'), error: write('error') };

/** `127.0.0.1:3000`, `[::1]:3000` or `unix:/run/app.sock`, as `listen` takes it. */
export function showAddress({ family, address, port }: ListenerAddress): string {
  if (family === 'unix') return `unix:${address}`;
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}
