/** Where log lines go. A logger must never be able to hurt the process that logs. */

import type { EventFields, FleetEvent, LogEvent, LogFields, LogLevel } from '../fleet-event.js';
import type { ListenerAddress, Logger, PreforkOptions, WorkerInfo } from '../types.js';
import { attempt, reasonOf } from './in-words.cjs';
import { outlet } from './outlet.js';

const STDERR = 2;

type Worker = Pick<WorkerInfo, 'slot' | 'pid' | 'generation'>;
type Nullable<T> = { readonly [Name in keyof T]: T[Name] | null | undefined };
type Place = 'slot' | 'generation';

type AboutOne<E extends LogEvent> = (E extends 'warning' ? { readonly event?: E } : { readonly event: E }) &
  // It has the code. Without a `reason` it is the reason.
  ('code' extends keyof EventFields[E] ? { readonly error?: unknown } : unknown) &
  (EventFields[E] extends Record<Place, number>
    ? { readonly worker: Worker } & Nullable<Omit<EventFields[E], Place>>
    : { readonly worker?: Worker } & Nullable<EventFields[E]>);

/** What a line is about, beyond the process that logs it: what the members of `FleetEvent` have. Without an event it is a warning. */
export type About = { readonly [E in LogEvent]: AboutOne<E> }[LogEvent];

/** The logger that the package uses inside. */
export interface Log {
  info(message: string, about: About): void;
  warn(message: string, about?: About): void;
  error(message: string, about?: About): void;
}

/** The process that logs. */
export type Origin = Pick<LogFields, 'fleet' | 'pid' | 'slot' | 'generation'>;

/** Hears of every line as an event, which is made only when the observer wants it. Must not throw. */
export type Observe = (event: () => FleetEvent) => void;

export interface Means {
  /** The user's; `undefined`: lines on stderr; `false`: silence. */
  readonly logger: Logger | false | undefined;
  /** Of lines on stderr. */
  readonly logFormat: PreforkOptions['logFormat'];
  readonly observe?: Observe | undefined;
}

/** Never throws, prefixes every line. */
export function makeLog({ logger, logFormat, observe }: Means, prefix: string, origin: Origin): Log {
  if (logger === false && observe === undefined) return { info() {}, warn() {}, error() {} };
  const json = logFormat === 'json' && logger === undefined ? jsonWriter() : undefined;
  const line =
    (level: LogLevel) =>
    (message: string, about: About = {}) => {
      const event = (): FleetEvent => eventOf(level, message, origin, about);
      observe?.(event);
      if (logger === false) return;
      try {
        if (json !== undefined) json(event());
        else writeTo(logger ?? stderrLogger, level, `${prefix}: ${message}`, () => fieldsOf(origin, about));
      } catch {
        // The user's logger failed, so the package has nowhere to report it.
      }
    };
  return { info: line('info'), warn: line('warn'), error: line('error') };
}

/** Loaded late: most logs are text. What is logged before it is there waits for it, in order. */
function jsonWriter(): (event: FleetEvent) => void {
  const loading = import('./json-lines.js');
  let write = (event: FleetEvent): void => void loading.then((loaded) => loaded.writeJson(event));
  void loading.then((loaded) => {
    write = loaded.writeJson;
  });
  return (event) => write(event);
}

function writeTo(target: Logger, level: LogLevel, text: string, fields: () => LogFields): void {
  const to = withFields(target, level, fields) ?? target;
  ignoreRejection(to[level](text) as unknown);
}

/** The child of a logger that has fields; `undefined` when it has none, or makes none that can log. */
function withFields(target: Logger, level: LogLevel, fields: () => LogFields): Logger | undefined {
  try {
    if (typeof target.child !== 'function') return undefined;
    const child = target.child(fields());
    if (typeof (child as Partial<Logger> | undefined)?.[level] === 'function') return child as Logger;
    ignoreRejection(child);
  } catch {
    // The line matters more than its fields.
  }
  return undefined;
}

function fieldsOf(origin: Origin, about: About): LogFields {
  const { worker, error, event = 'warning', ...rest } = about as About & { readonly error?: unknown };
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

export function eventOf(level: LogLevel, msg: string, origin: Origin, about: About): FleetEvent {
  const { fleet, event, ...rest } = fieldsOf(origin, about);
  const role = origin.slot === undefined ? 'master' : 'worker';
  return { time: new Date().toISOString(), level, event, fleet, role, ...rest, msg } as FleetEvent;
}

/** The log of a master, which is there before the fleet is and after it. */
export function masterLog(
  settings: Omit<Means, 'observe'> & { readonly name: string },
  pid: number,
  observe?: Observe,
): Log {
  const { name: fleet } = settings;
  return makeLog({ ...settings, observe }, `prefork[${fleet}] master ${pid}`, { fleet, pid });
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
const write = (level: LogLevel) => (message: string) => outlet(STDERR).log(message, level);

const stderrLogger: Logger = { info: write('info'), warn: write('warn'), error: write('error') };

/** `127.0.0.1:3000`, `[::1]:3000` or `unix:/run/app.sock`, as `listen` takes it. */
export function showAddress({ family, address, port }: ListenerAddress): string {
  // As ss(8) shows an abstract name.
  if (family === 'unix') return `unix:${address.replace(/\0+$/, '').replace('\0', '@')}`;
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}
