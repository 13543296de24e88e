/** The head of an HTTP/1 response on a connection that has to end: decided when it is written, whatever was set until then. */

import type { ServerResponse } from 'node:http';

type Args = unknown[];
type WriteHead = (this: ServerResponse, ...args: Args) => ServerResponse;
type Holder = { [name: string]: unknown };

/** What is known of a response whose head has not been written. */
interface Pending {
  readonly closes: (status: number) => boolean;
  /** Asked once: the app's own `writeHead` may lead through here twice. */
  decided?: boolean;
}

const pending = new WeakMap<ServerResponse, Pending>();
const intercepted = new WeakSet<object>();

/**
 * Asks `closes` when the head of the response is written, and makes it say so: `Connection: close` in place of what the app has set,
 * and no `Keep-Alive`. Not earlier, because a header that is there before the app has answered is one that the app can see, may
 * overwrite, and that makes Node merge what it otherwise writes as it was given (duplicates in flat arrays, under Node 20).
 *
 * Every head passes through `ServerResponse.prototype.writeHead`, implicit ones too (Node 20 to 26: `_implicitHeader` calls
 * `this.writeHead`). So it is replaced there, from the first response of a drain on, below everything that the app wraps around it.
 */
export function decideAtHead(response: ServerResponse, closes: (status: number) => boolean): void {
  if (response.headersSent || pending.has(response)) return;
  pending.set(response, { closes });
  const home = homeOfWriteHead(response);
  // An object that cannot be changed is left as it is, and its responses are changed one by one.
  if (home === undefined || !intercept(home)) intercept(response);
  // Wrapped before the drain: the wrapper has hold of the original.
  else if (Object.hasOwn(response, 'writeHead')) intercept(response);
}

/** The last object that has it: what a class of the app's own calls with `super`, too. */
function homeOfWriteHead(response: ServerResponse): object | undefined {
  let home: object | undefined;
  for (let object: object | null = Object.getPrototypeOf(response); object !== null; ) {
    if (Object.hasOwn(object, 'writeHead')) home = object;
    object = Object.getPrototypeOf(object);
  }
  return home;
}

function intercept(holder: object): boolean {
  if (intercepted.has(holder)) return true;
  // The second is an old name of the first, of its own property.
  for (const name of ['writeHead', 'writeHeader']) {
    const original = (holder as Holder)[name];
    if (typeof original !== 'function') continue;
    const value = function (this: ServerResponse, ...args: Args): ServerResponse {
      return Reflect.apply(original as WriteHead, this, adapted(this, args));
    };
    Object.defineProperty(value, 'name', { value: original.name, configurable: true });
    Object.defineProperty(value, 'length', { value: original.length, configurable: true });
    const enumerable = Object.getOwnPropertyDescriptor(holder, name)?.enumerable ?? false;
    if (!Reflect.defineProperty(holder, name, { value, enumerable, configurable: true, writable: true })) return false;
  }
  intercepted.add(holder);
  return true;
}

/** The arguments of `writeHead` with which the connection ends. */
function adapted(response: ServerResponse, args: Args): Args {
  const known = pending.get(response);
  if (known === undefined || response.headersSent) return args;
  const status = Number(args[0]);
  // 101 makes the connection another protocol's, and what comes before an answer says nothing about the connection.
  if (!(status >= 200)) return args;
  known.decided ??= known.closes(status);
  return known.decided ? closing(response, args) : args;
}

function closing(response: ServerResponse, args: Args): Args {
  // As Node reads them: (status, reason, headers), (status, headers), (status, undefined, headers).
  const at = typeof args[1] === 'string' || (args[2] ?? undefined) !== undefined ? 2 : 1;
  const given = args[at] ?? undefined;
  const { headers, found } = withoutKeepAlive(given);
  if (response.hasHeader('keep-alive')) response.removeHeader('keep-alive');
  const set = response.getHeader('connection');
  if (!found && set !== undefined) response.setHeader(setName(response), closeAnd([set]));
  // Node writes the line by itself: nothing that the app sees changes.
  response.shouldKeepAlive = false;
  // Except for an app that has removed the header, of which Node would then say nothing.
  const silent = !found && set === undefined && (response as { _removedConnection?: boolean })._removedConnection;
  const final = silent === true ? withClose(headers) : headers;
  if (final === given) return args;
  const changed = [...args];
  changed[at] = final;
  return changed;
}

function setName(response: ServerResponse): string {
  // Node 15.4 and later; @types/node has it for requests alone.
  const { getRawHeaderNames } = response as { readonly getRawHeaderNames?: () => string[] };
  return getRawHeaderNames?.call(response).find((name) => name.toLowerCase() === 'connection') ?? 'Connection';
}

/** The same headers in the same form with `close` for the app's `Connection`; the very same where they say nothing about it. */
function withoutKeepAlive(given: unknown): { readonly headers: unknown; readonly found: boolean } {
  const entries = entriesOf(given);
  const values = entries.filter(([name, value]) => isNamed(name, 'connection') && value !== undefined);
  const found = values.length > 0;
  if (!found && !entries.some(([name]) => isNamed(name, 'keep-alive'))) return { headers: given, found };
  let said = false;
  const kept = entries.flatMap(([name, value]): [unknown, unknown][] => {
    if (isNamed(name, 'keep-alive')) return [];
    if (!isNamed(name, 'connection')) return [[name, value]];
    if (said || value === undefined) return [];
    said = true;
    return [[name, closeAnd(values.map(([, each]) => each))]];
  });
  return { headers: inFormOf(given, kept), found };
}

function withClose(headers: unknown): unknown {
  return inFormOf(headers, [...entriesOf(headers), ['Connection', 'close']]);
}

function entriesOf(headers: unknown): [unknown, unknown][] {
  if (typeof headers !== 'object' || headers === null) return [];
  if (!Array.isArray(headers)) return Object.entries(headers);
  if (Array.isArray(headers[0])) return headers as [unknown, unknown][];
  // An odd one is Node's to refuse.
  if (headers.length % 2 !== 0) return [];
  return Array.from({ length: headers.length / 2 }, (_, i) => [headers[2 * i], headers[2 * i + 1]]);
}

function inFormOf(form: unknown, entries: [unknown, unknown][]): unknown {
  if (!Array.isArray(form)) return Object.fromEntries(entries as [string, unknown][]);
  return Array.isArray(form[0]) ? entries : entries.flat();
}

function isNamed(name: unknown, wanted: string): boolean {
  return typeof name === 'string' && name.toLowerCase() === wanted;
}

/** `close`, and the app's other options: they name headers that are there, such as `Upgrade` (RFC 9110 7.6.1). */
function closeAnd(values: unknown[]): string {
  const options = values.flat().flatMap((value) => String(value).split(','));
  const others = options.map((option) => option.trim()).filter((option) => !/^(close|keep-alive|)$/i.test(option));
  return ['close', ...others].join(', ');
}
