/** In the worker of a hosted program: every `listen()` gets its socket from the master, and listens when it returns, as without one. */

import { chmodSync, statSync } from 'node:fs';
import type { Server } from 'node:net';
import { resolve } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import type { WantedListener, WireListener } from '../../protocol/protocol.cjs';
import { beforeClose } from '../accepting/before-close.js';
import { isAbstract } from './abstract.js';
import { type Answer, Refusal } from './ask.js';
import { type GetServer, PATH, type ServerQuery } from './cluster.js';

/** `flags` of net.Server: UV_TCP_IPV6ONLY. */
const IPV6_ONLY = 1;
/** Of uv_pipe_chmod(): what `readableAll` and `writableAll` add to the mode of the file. */
const CHMOD = [
  { bit: 1, mode: 0o444 },
  { bit: 2, mode: 0o222 },
] as const;

/** `bindState` of dgram.Socket: BIND_STATE_UNBOUND. */
const UNBOUND = 0;

export interface RedirectContext {
  /** An abstract name as this Node would bind it. */
  asBound(path: string): string;
  /** Throws a {@link Refusal}, or what the kernel says. */
  ask(want: WantedListener): Answer;
  /** @returns the descriptor to listen on. Throws what the kernel says. */
  adopt(answer: Answer): number;
  /** The answer is not used. */
  discard(answer: Answer): void;
  /** The server listens, and listen(2) has changed the backlog. */
  restoreBacklog(fd: number, wire: WireListener): void;
  /** The server listens. */
  listens(server: Server, wire: WireListener): void;
  /** The server is closed, and with it the descriptor; or it never listened. */
  closed(fd: number, wire: WireListener): void;
}

/** The internals of a server that Node's own cluster module uses as well (node: lib/net.js); not in @types/node. */
interface Internals {
  _handle: Handle | null;
  _connectionKey?: string;
  /** Of tls.Server. */
  readonly ticketKeys?: Buffer;
  _setServerData?(data: { readonly ticketKeys: string }): void;
  _listen2(
    address: string | null,
    port: number | null,
    type: number | null,
    backlog: number | undefined,
    fd: number | undefined,
    flags?: number,
  ): void;
}

interface Handle {
  fchmod?(mode: number): number;
}

/** What `cluster._getServer` is to be. */
export function redirecting(context: RedirectContext): GetServer {
  /** What a server of this process has asked for and listens on, and the listeners that were the answers. */
  const open = new Set<string>();
  const names = new Set<string>();
  const redirected: GetServer = (server, query) => {
    if (typeof query.addressType === 'string') {
      ownUdp(server, query);
      return;
    }
    const internals = server as unknown as Internals;
    // An open descriptor is the program's own affair.
    if (typeof query.fd === 'number' && query.fd >= 0) {
      internals._listen2(null, null, null, query.backlog, query.fd, query.flags);
      return;
    }
    try {
      listen(internals, query);
    } catch (error) {
      fail(server, query, error, redirected);
    }
  };
  return redirected;

  function listen(server: Internals, query: ServerQuery): void {
    const want = wanted(query, open, context);
    const key = JSON.stringify(want, (name, value: unknown) => (name === 'backlog' ? undefined : value));
    if (open.has(key)) throw taken();
    // Keys that the program has set are the same in every worker already.
    const shares = server._setServerData !== undefined && server.ticketKeys === undefined;
    const answer = context.ask(shares ? { ...want, secure: true } : want);
    const { wire } = answer;
    // As any free port first, and by its number now.
    if (names.has(wire.name)) {
      context.discard(answer);
      throw taken();
    }
    const fd = context.adopt(answer);
    const { ticketKeys } = answer;
    if (ticketKeys !== undefined) server._setServerData?.({ ticketKeys });
    server._listen2(null, null, null, query.backlog, fd, query.flags);
    const { _handle: handle } = server;
    // The error has been emitted.
    if (handle === null) {
      context.closed(fd, wire);
      return;
    }
    open.add(key);
    names.add(wire.name);
    server._connectionKey = `${query.addressType}:${query.address}:${query.port}`;
    context.restoreBacklog(fd, wire);
    context.listens(server as unknown as Server, wire);
    beforeClose(server, () => {
      open.delete(key);
      names.delete(wire.name);
      context.closed(fd, wire);
    });
    // The kernel knows the socket by the name under which the master has made it.
    // The mode of a file that another program has made is that program's affair.
    // An abstract name has none.
    if (want.kind === 'unix')
      handle.fchmod = (mode) => (wire.activated || isAbstract(want.path) ? 0 : openToAll(want.path, mode));
  }
}

function taken(): Refusal {
  return new Refusal('EADDRINUSE', 'a server of this process listens there');
}

function wanted(
  query: ServerQuery,
  open: ReadonlySet<string>,
  { asBound }: Pick<RedirectContext, 'asBound'>,
): WantedListener {
  const { address, port, addressType, flags = 0, backlog } = query;
  // What is no length is 511 to Node.
  const length = Number.isSafeInteger(backlog) && (backlog as number) > 0 ? { backlog: backlog as number } : {};
  if (addressType === PATH) {
    const path = String(address);
    return { kind: 'unix', path: isAbstract(path) ? asBound(path) : resolve(path), ...length };
  }
  const base = {
    kind: 'tcp',
    ...(address !== null && { host: address }),
    port: port ?? 0,
    ipv6Only: (flags & IPV6_ONLY) !== 0,
  } as const;
  for (let index = 0; ; index++) {
    const want = { ...base, index };
    if (base.port !== 0 || !open.has(JSON.stringify(want))) return { ...want, ...length };
  }
}

/** As Node emits what keeps a server from listening. */
function fail(server: Server, { address, port }: ServerQuery, error: unknown, above: GetServer): void {
  const { code = 'ECANCELED' } = error as { readonly code?: string };
  const [errno, [, text]] = [...getSystemErrorMap()].find(([, [name]]) => name === code) ?? [undefined, [code, '']];
  const where =
    address === null ? (port === null ? '' : `:::${port}`) : port === null || port < 0 ? address : `${address}:${port}`;
  const why = text === '' ? String((error as Error).message) : text;
  const shown = Object.assign(new Error(`listen ${code}: ${why}${where === '' ? '' : ` ${where}`}`), {
    code,
    ...(errno !== undefined && { errno }),
    syscall: 'listen',
    address: address ?? '::',
    ...(port !== null && port >= 0 && { port }),
  });
  // The line of the program that called listen(), not one of this package.
  Error.captureStackTrace(shown, above);
  process.nextTick(() => server.emit('error', shown));
}

function openToAll(path: string, bits: number): number {
  let { mode } = statSync(path);
  for (const { bit, mode: more } of CHMOD) if ((bits & bit) !== 0) mode |= more;
  chmodSync(path, mode & 0o7777);
  return 0;
}

/** A socket of UDP stays the worker's own, as it is without cluster. */
function ownUdp(socket: object, { address, port, fd }: ServerQuery): void {
  const internals = socket as { bind(to: object): void; [state: symbol]: { bindState: number } | undefined };
  // node: lib/internal/dgram.js. The socket is being bound, so it has one.
  const [state] = Object.getOwnPropertySymbols(socket).flatMap((symbol) =>
    symbol.description === 'state symbol' ? [internals[symbol]] : [],
  );
  // Node asks cluster in the middle of bind(), and takes the way without cluster in a bind() that is exclusive.
  if (state !== undefined) state.bindState = UNBOUND;
  internals.bind({ ...(typeof fd === 'number' && fd >= 0 ? { fd } : { address, port }), exclusive: true });
}
