/**
 * The worker that `prefork/cluster` has forked. Node's own module of workers stays: messages, states and events are Node's. Two things are
 * different. `listen()` gets a socket that the primary has opened, and the kernel accepts from it here. And before the worker
 * disconnects it finishes what it has accepted.
 */

import type { Cluster, Worker as ClusterWorker } from 'node:cluster';
import { Socket } from 'node:net';
import { resolve } from 'node:path';
import { boundSend } from '../../protocol/bounded-send.js';
import type { AfterDrain } from '../after-drain.js';
import type { Boot, Service } from '../service.js';
import type { Worker } from '../worker.js';
import { type GetServer, PATH, type ServerQuery } from './cluster.js';
import { onInternal, tellListening } from './node-messages.js';
import type { HostedServers } from './servers.js';

/** Bytes: the primary binds under another name first, of the same length. */
const PATH_MAX = 100;

type Internals = Cluster & { _getServer: GetServer };

/** What the drain of the worker waits for. */
export class ClusterService implements Service {
  readonly hearsOfDrain = true;
  readonly mayEnd = true;
  readonly ownsSignals = true;
  readonly #servers: HostedServers;

  constructor(servers: HostedServers) {
    this.#servers = servers;
  }

  /** A worker need not listen. */
  async serve({ track }: Boot): Promise<void> {
    this.#servers.each(track);
  }

  /** Node ends a worker that has disconnected when nothing keeps it. */
  leave(_end: AfterDrain): void {}
}

/**
 * @param redirect Gets a listener from the primary, for TCP and paths.
 * @param gracePeriod Milliseconds for what was accepted, when the primary is gone.
 */
export function joinCluster(
  worker: Pick<Worker, 'connections' | 'depart' | 'release'>,
  redirect: GetServer,
  gracePeriod: number,
): void {
  const cluster = process.getBuiltinModule('node:cluster') as unknown as Internals;
  const { worker: shown } = cluster;
  // Something has taken NODE_UNIQUE_ID away: Node has made no worker of this process.
  if (shown === undefined) return;
  cluster._getServer = listening(cluster._getServer, redirect, shown);
  boundSend(process, (handle) => {
    if (handle instanceof Socket) worker.release(handle);
  });
  disconnecting(worker, shown);
  const [nodes] = process.listeners('disconnect');
  if (nodes !== undefined) process.off('disconnect', nodes);
  process.once('disconnect', () => {
    shown.emit('disconnect');
    if (shown.exitedAfterDisconnect) return;
    // The primary has ended, or has cut the channel: as in Node, and after what was accepted.
    const end = (): void => process.exit(0);
    if (worker.connections === 0) end();
    else void worker.depart('stop', gracePeriod).then(end);
  });
}

/** Node's own answers are sockets that the workers share, too: `setupPrimary` has chosen that. */
function listening(nodes: GetServer, redirect: GetServer, shown: ClusterWorker): GetServer {
  const getServer: GetServer = (server, query, done) => {
    if (!isOurs(query)) {
      nodes(server, query, done);
      return;
    }
    server.once('listening', () => tellListening(server, query, shown));
    redirect(server, query, done);
  };
  return getServer;
}

/** Not: UDP; a descriptor, which is one of the primary; a path in no folder, or one that the primary may have to shorten. */
function isOurs({ addressType, fd, address }: ServerQuery): boolean {
  if (typeof addressType === 'string' || (typeof fd === 'number' && fd >= 0)) return false;
  if (addressType !== PATH || address === null) return true;
  return !address.startsWith('\0') && Buffer.byteLength(resolve(address)) <= PATH_MAX;
}

/** Both ways to disconnect, with the drain before what Node does. */
function disconnecting(worker: Pick<Worker, 'depart'>, shown: ClusterWorker): void {
  let departing = false;
  const depart = (then: () => void): void => {
    if (departing) return;
    departing = true;
    shown.exitedAfterDisconnect = true;
    // Others may go on. When none does the primary says so, on the control channel.
    void worker.depart('replace', Number.POSITIVE_INFINITY).then(() => {
      // The primary may have died meanwhile.
      if (process.connected) then();
    });
  };
  onInternal((message, pass) => {
    if (message.act === 'disconnect') depart(pass);
    else pass();
  });
  const prototype = Object.getPrototypeOf(shown) as ClusterWorker;
  const { disconnect } = prototype;
  prototype.disconnect = function (this: ClusterWorker) {
    depart(() => Reflect.apply(disconnect, this, []));
    return this;
  };
}
