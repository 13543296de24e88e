/** Every server of this process, from the moment that it listens: a hosted program returns none of them. */

import { subscribe } from 'node:diagnostics_channel';
import type { Server } from 'node:net';
import { deferred } from '../../common/deferred.js';
import { isHelper } from '../accepting/inherited-servers.js';
import { quietTurns } from '../serve.js';

export class HostedServers {
  #next = deferred();
  readonly #all = new Set<Server>();
  #early: Set<Server> | undefined = new Set();
  #track: (server: Server) => void = (server) => this.#early?.add(server);

  /** Node publishes inside `listen()`, before a connection can be accepted (20.19 and later). */
  constructor() {
    subscribe('tracing:net.server.listen:asyncEnd', (message) => {
      const { server } = message as { readonly server: Server };
      if (isHelper(server)) return;
      this.#all.add(server);
      this.#track(server);
      this.#next.resolve();
    });
  }

  /** Settles when one listens, and goes on to. Some programs listen for a moment before, to find out whether a port is free. */
  async serving(): Promise<void> {
    for (;;) {
      await this.#next.promise;
      this.#next = deferred();
      await quietTurns();
      for (const { listening } of this.#all) if (listening) return;
    }
  }

  /** Called for every server, once at least, also for those that listen already. */
  each(track: (server: Server) => void): void {
    this.#track = track;
    for (const server of this.#early ?? []) track(server);
    this.#early = undefined;
  }

  /** The drain is about to close all of them. */
  closing(): void {
    for (const server of this.#all) if (server.listening) closesOnceMore(server);
  }
}

/**
 * The program closes its servers when it hears SIGTERM, which is after the drain has closed them. Node answers a second close with
 * ERR_SERVER_NOT_RUNNING, and programs take that for a failure: they log it, exit with 1, or keep what they would have cleaned up.
 */
function closesOnceMore(server: Server): void {
  const own = Object.getOwnPropertyDescriptor(server, 'close');
  const close = server.close;
  const first = function (this: Server, done?: (error?: Error) => void): Server {
    if (own === undefined) Reflect.deleteProperty(server, 'close');
    else Object.defineProperty(server, 'close', own);
    // Node emits it again, once no connection is left.
    if (typeof done === 'function') server.once('close', () => done());
    return Reflect.apply(close, this, []);
  };
  Object.defineProperty(server, 'close', { value: first, configurable: true, writable: true, enumerable: false });
}
