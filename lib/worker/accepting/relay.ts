/** Accepts on a listener that a server does not know, for that server. */

import type { BlockList, ServerOpts } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import type { Listener } from '../../types.js';
import { markHelper } from './inherited-servers.js';

/** The public fields of a server that decide how it treats a connection; typed here because @types/node leaves most out. */
type ConnectionOptions = Pick<
  ServerOpts,
  'allowHalfOpen' | 'pauseOnConnect' | 'noDelay' | 'keepAlive' | 'highWaterMark'
> & {
  readonly keepAliveInitialDelay?: number;
  /** Node 22.13, 23.1 and later. */
  readonly blockList?: BlockList;
};

/**
 * A helper that accepts for a server, with the server's settings. `give` ends in emit('connection'), which works for net, http, https and
 * HTTP/2: it is how their own listeners hear of a connection.
 */
export function relayTo(server: Server, listener: Pick<Listener, 'fd'>, give: (socket: Socket) => void): Server {
  const { allowHalfOpen, pauseOnConnect, noDelay, keepAlive, keepAliveInitialDelay } = server as ConnectionOptions;
  const { highWaterMark, blockList } = server as ConnectionOptions;
  const helper = createServer({
    ...(allowHalfOpen !== undefined && { allowHalfOpen }),
    ...(pauseOnConnect !== undefined && { pauseOnConnect }),
    ...(noDelay !== undefined && { noDelay }),
    ...(keepAlive !== undefined && { keepAlive }),
    ...(keepAliveInitialDelay !== undefined && { keepAliveInitialDelay: keepAliveInitialDelay * 1000 }),
    ...(highWaterMark !== undefined && { highWaterMark }),
    ...(blockList !== undefined && { blockList }),
  });
  helper.on('connection', give);
  markHelper(helper);
  return helper.listen(listener);
}
