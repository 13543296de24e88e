/** In a worker: accepts from the sockets of other slots while no worker of theirs serves. */

import type { Server } from 'node:net';
import type { Fd, PosixAddon } from '../../addon/native.cjs';
import { inWords } from '../../common/in-words.cjs';
import type { Log } from '../../common/log.js';
import { type MasterMessage, SLOTS, type WireListener } from '../../protocol/protocol.cjs';
import type { Drain } from '../drain/drain.js';
import type { Admission } from './admission.js';
import { restoreBacklog } from './inherited.js';
import { relayTo } from './relay.js';

export interface AdoptionsContext {
  /** Where the master sends descriptors. */
  readonly channel: Fd;
  readonly native: Pick<PosixAddon, 'closeFd' | 'inspectListener' | 'recvFds' | 'setBacklog'>;
  readonly drain: Pick<Drain, 'draining' | 'forgetAdopter' | 'trackAdopter'>;
  readonly admission: Pick<Admission, 'accepts' | 'admit' | 'trackHelper'>;
  readonly log: Log;
  readonly wires: readonly WireListener[];
  /** By listener: the server that its connections are for. */
  readonly servers: readonly (Server | undefined)[];
  /** The same of a listener that this worker has asked for, by its number. */
  readonly asked?: AskedServers | undefined;
}

/** `undefined`: no server listens there. */
export type AskedServers = (listener: number) => { readonly server: Server; readonly wire: WireListener } | undefined;

/** A socket of another slot; the descriptor is this process's own copy. */
export interface AdoptedSocket {
  readonly fd: Fd;
  readonly listener: number;
}

type Order = Extract<MasterMessage, { readonly type: 'adopt' }>;

export class Adoptions {
  readonly #context: AdoptionsContext;
  readonly #helpers = new Map<number, Server[]>();

  constructor(context: AdoptionsContext) {
    this.#context = context;
  }

  /** Does what the master asks for; the descriptors were sent before the message. False when it could not. */
  take({ slot, tag, listeners }: Order): boolean {
    const { native, channel } = this.#context;
    try {
      const received = native.recvFds(channel);
      if (received === undefined) throw new Error('no descriptors came with the order');
      const sockets = received.fds.map((fd, i) => ({ fd, listener: received.tag === tag ? (listeners[i] ?? -1) : -1 }));
      return this.adopt(slot, sockets);
    } catch (error) {
      this.#report(slot % SLOTS, error);
      return false;
    }
  }

  /**
   * Accepts from now on. The descriptors change hands whatever comes of it: Node closes one with the handle of its helper, and one
   * that no helper got is closed here. A slot that is adopted already is released first.
   * @returns Whether every socket is accepted from. A worker that drains, or is full, accepts from none.
   */
  adopt(slot: number, sockets: readonly AdoptedSocket[]): boolean {
    this.release(slot);
    const helpers = sockets.map((socket) => this.#accept(slot, socket));
    this.#helpers.set(
      slot,
      helpers.flatMap((helper) => helper ?? []),
    );
    return !helpers.includes(undefined);
  }

  /**
   * The slot's own worker is back. What was accepted for it stays here and is answered here. Takes no time: the descriptors are
   * closed on return, because uv_close() closes that of a stream at once, and a helper has nothing else to wait for.
   */
  release(slot: number): void {
    for (const helper of this.#helpers.get(slot) ?? []) {
      this.#context.drain.forgetAdopter(helper);
      helper.close();
    }
    this.#helpers.delete(slot);
  }

  /** They accept for others. */
  get helpers(): readonly Server[] {
    return [...this.#helpers.values()].flat();
  }

  /** The program has closed its server for a listener that it had asked for: what is queued there is none of this worker's any more. */
  disown(listener: number): void {
    for (const slot of this.#helpers.keys()) if (Math.floor(slot / SLOTS) === listener + 1) this.release(slot);
  }

  #accept(slot: number, { fd, listener }: AdoptedSocket): Server | undefined {
    const { native, drain, admission, log, servers, wires, asked } = this.#context;
    const known = { server: servers[listener], wire: wires[listener] };
    const { server, wire } = known.server === undefined ? (asked?.(listener) ?? known) : known;
    if (server === undefined || wire === undefined || drain.draining || !admission.accepts(server)) {
      native.closeFd(fd);
      return undefined;
    }
    const number = slot % SLOTS;
    const helper = relayTo(server, { fd }, (socket) => admission.admit(server, socket));
    helper.on('error', (error) => this.#report(number, error));
    // For a descriptor listen() is done when it returns; Node emits a failure in the next turn.
    if (!helper.listening) {
      this.#closeUnused(fd);
      return undefined;
    }
    restoreBacklog(native, log, fd, wire.backlog, ` of slot ${number}`);
    drain.trackAdopter(helper);
    admission.trackHelper(helper, server);
    return helper;
  }

  /**
   * Node has closed the descriptor when listen(2) failed, and left it alone when its handle could not be opened. What has the
   * number now is only ours to close when it is a listening socket still.
   */
  #closeUnused(fd: Fd): void {
    const { native } = this.#context;
    try {
      if (native.inspectListener(fd).listening) native.closeFd(fd);
    } catch {
      // EBADF: closed. ENOTSOCK: closed, and the number is another file's by now.
    }
  }

  #report(slot: number, error: unknown): void {
    this.#context.log.error(`cannot accept for slot ${slot}: ${inWords(error)}`, { event: 'accept', error });
  }
}
