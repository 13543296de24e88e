/** Starts the user's server on the adopted listeners, whichever way it was given. */

import type { Socket } from 'node:net';
import { Server } from 'node:net';
import type { Settings } from '../options/settings.js';
import type { Serve, WorkerContext } from '../types.js';
import type { InheritedServers } from './accepting/inherited-servers.js';
import { relayTo } from './accepting/relay.js';
import { isSecure } from './accepting/secure-servers.js';

/** What a worker serves with. */
export interface Serving {
  /** The user's servers as far as they are known: their connections are what a drain finishes. */
  readonly servers: readonly Server[];
  /** Helpers that accept for a ready-made server on further addresses. */
  readonly adopters: readonly Server[];
  /** `serve` returned nothing: `worker.ready()` says when it serves. */
  readonly silent: boolean;
}

/**
 * Runs `serve` or puts a ready-made server to work; settles when every server listens.
 * @param inherited Knows servers that `serve` does not return, and those inside of what it returns.
 * @param started Called with the servers as soon as they are known, before they listen.
 * @param admit Gives a connection that a helper has accepted to a ready-made server.
 */
export async function startServing(
  settings: Pick<Settings, 'serve'>,
  context: WorkerContext,
  inherited: Pick<InheritedServers, 'any' | 'servers'>,
  started: (serving: Serving) => void,
  admit: (server: Server, socket: Socket) => void,
): Promise<Serving> {
  const { serve } = settings;
  const [first] = context.listeners;
  if (first === undefined) throw new Error('The master promised no listener');
  const readyMade =
    typeof serve === 'function' ? undefined : listenReadyMade(serve, context, (socket) => admit(serve, socket));
  const { servers: given, adopters } = readyMade ?? {
    servers: serversOf(await (serve as Serve)(first, context)),
    adopters: [],
  };
  const silent = given.length === 0;
  const genuine = given.filter((server) => server instanceof Server);
  started({ servers: genuine, adopters, silent });
  // What only looks like a server holds one, and that may be all that can be heard of.
  await Promise.all([
    ...[...genuine, ...adopters].map(listening),
    ...given
      .filter((server) => !genuine.includes(server))
      .map((server) => Promise.race([listening(server), inherited.any])),
  ]);
  const servers = [...new Set([...genuine, ...inherited.servers])];
  if (servers.length > 0 || silent) return { servers, adopters, silent };
  // Not one of this Node's net: then it is the server itself.
  started({ servers: given, adopters: [], silent });
  return { servers: given, adopters, silent };
}

function serversOf(served: unknown): Server[] {
  if (served === undefined || served === null) return [];
  const servers = Array.isArray(served) ? (served as unknown[]) : [served];
  for (const server of servers) {
    if (isServer(server)) continue;
    throw new TypeError(
      'serve must return a net.Server (http, https and HTTP/2 servers are), an array of them, or nothing',
    );
  }
  return servers as Server[];
}

function isServer(value: unknown): value is Server {
  const server = value as Partial<Server> | null | undefined;
  return (
    typeof server?.listen === 'function' && typeof server.address === 'function' && typeof server.on === 'function'
  );
}

/** Listens on the first address; connections to the others are accepted by helpers and given to the server. */
function listenReadyMade(
  server: Server,
  context: WorkerContext,
  give: (socket: Socket) => void,
): Omit<Serving, 'silent'> {
  if (isSecure(server) && context.tls !== undefined) server.setSecureContext(context.tls);
  const [first, ...others] = context.listeners;
  server.listen(first);
  const adopters = others.map((listener) => relayTo(server, listener, give));
  return { servers: [server], adopters };
}

/** Settles when the server listens; a server that failed or was closed before that is a boot failure. */
function listening(server: Server): Promise<void> {
  if (server.listening) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      server.removeListener('listening', onListening);
      server.removeListener('error', settle);
      server.removeListener('close', onClose);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onListening = (): void => settle();
    const onClose = (): void => settle(new Error('serve returned a server that was closed before it listened'));
    server.on('listening', onListening);
    server.on('error', settle);
    server.on('close', onClose);
  });
}

/**
 * What goes wrong in the turn in which servers listen is thrown after the first of them said so: a second one whose port is taken, a
 * timer that was due. It ends the process, or it does not, in the next turns.
 */
export async function quietTurns(): Promise<void> {
  // A timer of 0 ms is one of 1 ms; those that are due in the same millisecond run in the order in which they were set.
  await new Promise((resolve) => setTimeout(resolve, 0));
  for (let turn = 0; turn < 2; turn++) await new Promise(setImmediate);
}
