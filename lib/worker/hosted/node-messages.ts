/** Node's own messages between the processes of a cluster (node: lib/internal/cluster/utils.js). */

import type { Worker } from 'node:cluster';
import type { Server } from 'node:net';
import type { ServerQuery } from './cluster.js';

/** The command of all of them. */
export const COMMAND = 'NODE_CLUSTER';

export interface NodeMessage {
  readonly act?: unknown;
  readonly ack?: unknown;
}
type Hear = (message: NodeMessage & { readonly cmd?: unknown }, handle: unknown) => void;
interface Channel {
  on(event: 'internalMessage', hear: Hear): void;
  listeners(event: 'internalMessage'): Hear[];
  removeAllListeners(event: 'internalMessage'): void;
}

/** @param hear Called first, with what passes the message on to Node. */
export function onInternal(hear: (message: NodeMessage, pass: () => void) => void): void {
  const channel = process as unknown as Channel;
  const nodes = channel.listeners('internalMessage');
  channel.removeAllListeners('internalMessage');
  channel.on('internalMessage', (message, handle) => {
    const pass = (): void => {
      for (const node of nodes) Reflect.apply(node, process, [message, handle]);
    };
    if (message.cmd === COMMAND) hear(message, pass);
    else pass();
  });
}

/** The primary hears 'listening'. */
export function tellListening(server: Server, query: ServerQuery, shown: Worker): void {
  if (!process.connected) return;
  Object.assign(shown, { state: 'listening' });
  const bound = server.address();
  const port = (typeof bound === 'object' && bound?.port) || query.port;
  process.send?.({ cmd: COMMAND, act: 'listening', data: null, ...query, port });
}
