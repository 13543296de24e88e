/** Every server of this process, from the moment that it listens: a hosted program returns none of them. */

import { subscribe } from 'node:diagnostics_channel';
import type { Server } from 'node:net';
import { deferred } from '../../common/deferred.js';

export class HostedServers {
  readonly #any = deferred();
  #early: Set<Server> | undefined = new Set();
  #track: (server: Server) => void = (server) => this.#early?.add(server);

  /** Node publishes inside `listen()`, before a connection can be accepted (20.19 and later). */
  constructor() {
    subscribe('tracing:net.server.listen:asyncEnd', (message) => {
      this.#track((message as { readonly server: Server }).server);
      this.#any.resolve();
    });
  }

  /** Settles when one listens. */
  get any(): Promise<void> {
    return this.#any.promise;
  }

  /** Called for every server, once at least, also for those that listen already. */
  each(track: (server: Server) => void): void {
    this.#track = track;
    for (const server of this.#early ?? []) track(server);
    this.#early = undefined;
  }
}
