/** In a worker: accepts from the sockets of other slots while nobody serves them. */

import type { Server } from 'node:net';
import type { Drain } from './drain.js';
import type { Fd, NativeBinding } from './native.cjs';
import type { WireListener } from './protocol.cjs';
import { adopter } from './serve.js';
import type { Logger } from './types.js';

export interface AdoptionsContext {
  readonly native: Pick<NativeBinding, 'closeFd' | 'setBacklog'>;
  readonly drain: Pick<Drain, 'trackAdopter' | 'forgetAdopter'>;
  readonly log: Logger;
  readonly wires: readonly WireListener[];
  /** By listener: the server that its connections are for. */
  readonly servers: readonly (Server | undefined)[];
}

/** A socket of another slot; the descriptor is this process's own copy. */
export interface AdoptedSocket {
  readonly fd: Fd;
  readonly listener: number;
}

export class Adoptions {
  readonly #context: AdoptionsContext;
  readonly #helpers = new Map<number, Server[]>();

  constructor(context: AdoptionsContext) {
    this.#context = context;
  }

  /** Takes the descriptors over: Node closes them with the helper's handle. */
  adopt(slot: number, sockets: readonly AdoptedSocket[]): void {
    this.release(slot);
    this.#helpers.set(
      slot,
      sockets.flatMap((socket) => this.#accept(slot, socket) ?? []),
    );
  }

  /** The slot's own worker is back. What was accepted for it stays here and is answered here. */
  release(slot: number): void {
    for (const helper of this.#helpers.get(slot) ?? []) {
      this.#context.drain.forgetAdopter(helper);
      helper.close();
    }
    this.#helpers.delete(slot);
  }

  #accept(slot: number, { fd, listener }: AdoptedSocket): Server | undefined {
    const { native, drain, log, servers, wires } = this.#context;
    const server = servers[listener];
    const wire = wires[listener];
    if (server === undefined || wire === undefined) {
      native.closeFd(fd);
      return undefined;
    }
    const helper = adopter(server, { fd });
    helper.on('error', (error) => log.error(`cannot accept for slot ${slot}: ${String(error)}`));
    // listen(2) with libuv's own backlog has just cut the queue short, for every holder of the socket.
    helper.on('listening', () => native.setBacklog(fd, wire.backlog));
    drain.trackAdopter(helper);
    return helper;
  }
}
