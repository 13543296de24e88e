/** Which servers of this process listen on what the master handed over, whether `serve` returns them or not. */

import { subscribe } from 'node:diagnostics_channel';
import type { Server } from 'node:net';
import { deferred } from '../../common/deferred.js';
import type { WireListener } from '../../protocol/protocol.cjs';
import { isPromised } from './bound-servers.js';

/** Of this package: they accept for servers that are known. */
const helpers = new WeakSet<Server>();

/** To be called before the helper listens. */
export function markHelper(server: Server): void {
  helpers.add(server);
}

export function isHelper(server: Server): boolean {
  return helpers.has(server);
}

/** Servers that accept from the fleet's listeners, from the moment that they listen. */
export class InheritedServers {
  readonly #servers = new Set<Server>();
  readonly #any = deferred();

  /**
   * For the life of the process: a server may listen whenever it likes. Costs nothing per connection. Node publishes inside
   * `listen()`, before a connection can be accepted (20.19 and later; `asyncEnd` is when listen(2) has succeeded).
   * @param found Called once for every server.
   */
  constructor(wires: readonly WireListener[], found: (server: Server) => void) {
    subscribe('tracing:net.server.listen:asyncEnd', (message) => {
      const { server } = message as { readonly server: Server };
      if (helpers.has(server) || this.#servers.has(server) || !isPromised(server, wires)) return;
      this.#servers.add(server);
      found(server);
      this.#any.resolve();
    });
  }

  get servers(): readonly Server[] {
    return [...this.#servers];
  }

  /** Settles when one listens. */
  get any(): Promise<void> {
    return this.#any.promise;
  }
}
