/** Which of the user's servers listens on which of the listeners that the master handed over. */

import type { Server } from 'node:net';
import { PreforkError } from '../../common/errors.js';
import { showAddress } from '../../common/log.js';
import type { WireListener } from '../../protocol/protocol.cjs';
import { showBound } from './inherited.js';

/**
 * At least one server must be bound to an address of the fleet: some runtimes ignore the descriptor and bind a random port.
 * @throws PreforkError `ERR_PREFORK_INHERITED_LISTENER`
 */
export function checkServed(servers: readonly Server[], wires: readonly WireListener[]): void {
  if (servers.length === 0 || servers.some((server) => isPromised(server, wires))) return;
  const addresses = servers.map(({ address }, i) => showBound(address.call(servers[i]))).join(', ');
  throw new PreforkError(
    'ERR_PREFORK_INHERITED_LISTENER',
    `serve returned a server on ${addresses}, but the fleet listens on ${wires.map(showAddress).join(', ')}; ` +
      'pass `listener`, the first argument of serve, to listen()',
  );
}

/**
 * By listener: the server that was bound to it.
 * @throws PreforkError `ERR_PREFORK_UNSUPPORTED` when connections to a sharded listener could not be given to any server.
 */
export function serversOfShards(servers: readonly Server[], wires: readonly WireListener[]): (Server | undefined)[] {
  return wires.map((wire) => {
    const server = servers.find((candidate) => isPromised(candidate, [wire]));
    if (server === undefined && wire.family !== 'unix') {
      throw new PreforkError(
        'ERR_PREFORK_UNSUPPORTED',
        `sharing: 'sharded' needs to know which server serves ${showAddress(wire)}, to give it connections of other slots: ` +
          "let it listen before the worker is ready, or use 'shared'",
      );
    }
    return server;
  });
}

/** Whether a server that listens is bound to one of the addresses. */
export function isPromised(server: Pick<Server, 'address'>, wires: readonly WireListener[]): boolean {
  const bound = server.address();
  // What libuv says of a unix listener that it was given by descriptor.
  if (bound === null) return wires.some((wire) => wire.family === 'unix');
  if (typeof bound === 'string') {
    return wires.some((wire) => wire.family === 'unix' && (bound === wire.boundAs || bound === wire.address));
  }
  return wires.some((wire) => wire.family !== 'unix' && bound.port === wire.port && bound.address === wire.boundAs);
}
