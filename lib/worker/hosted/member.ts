/**
 * The worker of `prefork({ cluster: true })`, before its program calls `prefork()`. Node has made a worker of `node:cluster` of it: messages,
 * handles and events are Node's. What is different is that `listen()` gets a socket that the master has opened, and that the worker drains
 * before it leaves. The preload calls it; a file of its own, without the worker that `prefork()` will load.
 */

import type { Cluster, Worker } from 'node:cluster';
import { type Server, Socket } from 'node:net';
import { posix } from '../../addon/narrow.cjs';
import type { CommonAddon, Fd } from '../../addon/native.cjs';
import type { Member, MemberOf, WorkerIdentity } from '../../boot/identity.cjs';
import { boundSend } from '../../protocol/bounded-send.js';
import type { DrainReason, WireListener } from '../../protocol/protocol.cjs';
import { inheritListener, restoreBacklog } from '../accepting/inherited.js';
import { asBound } from './abstract.js';
import { Asker } from './ask.js';
import { Asked } from './asked.js';
import { type GetServer, leavesBySignal, PATH, type ServerQuery } from './cluster.js';
import { COMMAND, onInternal, tellListening } from './node-messages.js';
import { redirecting } from './redirect.js';

/** Node's own sequence numbers are digits. */
const SEQUENCE = 'prefork';

type Shown = Cluster & { _getServer: GetServer };

export function becomeMember(identity: WorkerIdentity, addon: CommonAddon): void {
  const cluster = process.getBuiltinModule('node:cluster') as unknown as Shown;
  const { worker } = cluster;
  const { preloaded, replyFd } = identity;
  if (worker === undefined || preloaded === undefined || replyFd === undefined) {
    throw new Error(
      'Node has made no worker of node:cluster of this process: `cluster: true` needs a program that is a file',
    );
  }
  const native = posix(addon);
  const asker = new Asker({ native, replies: replyFd, say: (message) => preloaded.say(message) });
  const early = new Map<Fd, WireListener>();
  const servers = new Set<Server>();
  const asked = new Asked();
  let fleet: MemberOf | undefined;
  const redirect = redirecting({
    asBound: (path) => asBound(path, native),
    ask: (want) => asker.ask(want),
    adopt({ wire, fd }) {
      if (fleet !== undefined) return fleet.adopt(wire, fd);
      const adopted = inheritListener(native, { ...wire, fd: fd ?? null });
      early.set(adopted, wire);
      return adopted;
    },
    discard: ({ fd }) => {
      if (fd !== undefined) native.closeFd(fd);
    },
    restoreBacklog: (fd, { backlog }) => restoreBacklog(native, { warn: (text) => fleet?.warn(text) }, fd, backlog),
    listens: (server, wire) => asked.listens(server, wire),
    closed(fd, wire) {
      const { name } = wire;
      early.delete(fd);
      asked.closed(wire);
      fleet?.forget(fd, wire);
      // A fleet that stops, or replaces its workers, closes by itself.
      if (fleet?.draining !== true) preloaded.say({ type: 'released-listener', name });
    },
  });
  const { _getServer: nodes } = cluster;
  cluster._getServer = (server, query, done) => {
    // The workers share it, through the primary: no connection is in it.
    if (typeof query.addressType === 'string') {
      nodes(server, query, done);
      return;
    }
    server.once('listening', () => {
      tellListening(server, boundTo(server, query), worker);
      if (isInherited(query)) return;
      servers.add(server);
      fleet?.track(server);
    });
    redirect(server, query, done);
  };
  boundSend(process, (handle) => {
    if (handle instanceof Socket) fleet?.release(handle);
  });
  leavesBySignal(worker);
  const parting = watchChannel(worker);
  const member: Member = {
    asked: asked.of,
    join(joined) {
      fleet = joined;
      for (const [fd, wire] of early) joined.adopt(wire, fd);
      early.clear();
      for (const server of servers) joined.track(server);
    },
    departs: parting,
  };
  identity.member = member;
}

function isInherited({ fd }: ServerQuery): boolean {
  return typeof fd === 'number' && fd >= 0;
}

/** As the primary hears of it. Of a descriptor `net` says nothing: the address is where it is bound. */
function boundTo(server: Server, query: ServerQuery): ServerQuery {
  const bound = server.address();
  if (!isInherited(query) || bound === null) return query;
  if (typeof bound === 'string') return { address: bound, port: -1, addressType: PATH };
  return { address: bound.address, port: bound.port, addressType: bound.family === 'IPv6' ? 6 : 4 };
}

/** @returns to be called when the worker begins to drain. */
function watchChannel(worker: Worker): (reason: DrainReason) => void {
  // The worker ends when it has drained, whatever hears messages.
  process.channel?.unref();
  // Node's would end the process at once.
  const [nodes] = process.listeners('disconnect');
  if (nodes !== undefined) process.off('disconnect', nodes);
  process.once('disconnect', () => worker.emit('disconnect'));
  onInternal((message, pass) => {
    if (message.act === 'disconnect') worker.disconnect();
    // What the primary has sent before is here by now: a connection keeps the process by itself.
    else if (message.ack === SEQUENCE) process.channel?.unref();
    else pass();
  });
  let said: DrainReason | undefined;
  return (reason) => {
    if (said !== undefined || !process.connected) return;
    said = reason;
    worker.exitedAfterDisconnect = true;
    process.channel?.ref();
    const parting = { cmd: COMMAND, act: 'exitedAfterDisconnect', seq: SEQUENCE, replaced: reason === 'replace' };
    process.send?.(parting);
  };
}
