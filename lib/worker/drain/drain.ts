/**
 * Stop accepting, finish what was accepted. Public Node API and diagnostics channels only.
 *
 * In the steady state a connection costs an entry in a list and a request one property on its socket; everything else happens
 * once the drain has begun.
 */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Server, Socket } from 'node:net';
import { deferred } from '../../common/deferred.js';
import type { DrainReason } from '../../protocol/protocol.cjs';
import { watchRequests } from './http1.js';
import { type Activity, NO_ACTIVITY, QUIET, Quiet } from './quiet.js';
import type { RequestsCounted } from './requests-counted.js';
import { type Counted, readerOf, stopAccepting, TrackedServer } from './tracked-server.js';

/** Turns of the event loop that an idle HTTP/2 session may take to end at the deadline: its GOAWAY is written ahead of its end. */
const GOAWAY_TURNS = 10;

/** The drain of one worker. Track servers as soon as they are known. */
export class Drain {
  readonly #servers = new Map<Server, TrackedServer>();
  readonly #adopters = new Set<Server>();
  readonly #finished = deferred();
  /** Connections accepted before the servers were known: `serve` may listen, and only return its server later. */
  #early: Set<Socket> | undefined = new Set();
  /** Why connections are finished. */
  #reason: DrainReason | undefined;
  /** Nothing new is accepted. */
  #closed = false;
  readonly #quiet: Quiet;

  readonly #counted: Counted;
  readonly #requests: RequestsCounted | undefined;

  /**
   * @param counted A connection of a tracked server came or went.
   * @param requests Without it requests are not counted, which costs less.
   */
  constructor(activity: Activity = NO_ACTIVITY, counted: Counted = () => {}, requests?: RequestsCounted) {
    this.#counted = counted;
    this.#requests = requests;
    this.#quiet = new Quiet({
      activity,
      idle: () => [...this.#servers.values()].flatMap((server) => server.idle()),
      connections: () => this.connections,
    });
    watchRequests((server, socket) => {
      for (const tracked of this.#servers.values()) if (tracked.adopt(server, socket, this.#reason)) return;
    });
    subscribe('net.server.socket', this.#onEarly);
  }

  readonly #onEarly = (message: unknown): void => {
    const { socket } = message as { socket: Socket };
    this.#early?.add(socket);
  };

  /** Whether a connection is open in this process, on any server, that was accepted before {@link Drain.allTracked}. */
  get acceptedEarly(): boolean {
    for (const { destroyed } of this.#early ?? []) if (!destroyed) return true;
    return false;
  }

  /** Settles once every connection that is open is one of a tracked server. The others end by themselves, or never. */
  async acceptedByTracked(): Promise<void> {
    for (;;) {
      const others = [...(this.#early ?? [])].filter((socket) => !socket.destroyed && !this.#isTracked(socket));
      if (others.length === 0) return;
      await Promise.all(others.map((socket) => new Promise((resolve) => socket.once('close', resolve))));
    }
  }

  #isTracked(socket: Socket): boolean {
    for (const { sockets } of this.#servers.values()) if (sockets.has(socket)) return true;
    return false;
  }

  /** Connections that are still open. */
  get connections(): number {
    return this.#sum(({ sockets }) => sockets.size);
  }

  /** Connections of one tracked server that are still open, those included that a helper accepted. */
  connectionsOf(server: Server): number {
    return this.#servers.get(server)?.sockets.size ?? 0;
  }

  /** Whether connections are finished: none of other workers is accepted any more. */
  get draining(): boolean {
    return this.#reason !== undefined;
  }

  /** Settles when every connection has ended; never before {@link Drain.begin}. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  /** Every connection of the server, from now on, is one that the drain finishes. */
  track(server: Server): void {
    if (this.#servers.has(server)) return;
    const tracked = new TrackedServer(
      server,
      () => this.#settle(),
      () => this.#mayBeIdle(),
      this.#counted,
      this.#requests,
    );
    this.#servers.set(server, tracked);
    for (const socket of this.#early ?? []) {
      if (readerOf(socket) === server) tracked.add(socket);
    }
    if (this.#closed) tracked.stopAccepting();
    if (this.#reason !== undefined) tracked.begin(this.#reason);
  }

  /** The program has given a connection to another process: none of ours to finish. */
  release(socket: Socket): void {
    for (const tracked of this.#servers.values()) tracked.release(socket);
    this.#early?.delete(socket);
  }

  /** A helper that accepts for a tracked server. It stops accepting with the others and has no connections of its own. */
  trackAdopter(server: Server): void {
    this.#adopters.add(server);
    if (this.#closed) stopAccepting(server);
  }

  /** A helper that has been closed. */
  forgetAdopter(server: Server): void {
    this.#adopters.delete(server);
  }

  /** No more servers will come: nothing looks at connections of other servers any more. */
  allTracked(): void {
    unsubscribe('net.server.socket', this.#onEarly);
    this.#early = undefined;
    this.#settle();
  }

  /** How many connections there ever were. */
  get accepted(): number {
    return this.#sum(({ accepted }) => accepted);
  }

  #sum(of: (server: TrackedServer) => number): number {
    let count = 0;
    for (const server of this.#servers.values()) count += of(server);
    return count;
  }

  /** Nothing new is accepted any more, and what was is finished: see {@link Drain.finish}. */
  begin(reason: DrainReason, quiet?: number): void {
    if (!this.#closed) {
      this.#closed = true;
      for (const server of this.#adopters) stopAccepting(server);
      for (const server of this.#servers.values()) server.stopAccepting();
    }
    this.finish(reason, quiet);
    this.#settle();
  }

  /**
   * `'stop'`: connections close when they have been idle and quiet for `quiet` ms. `'replace'`: they are kept until their next request.
   * Either way what is being answered is answered in full. Idempotent; a `'replace'` can become a `'stop'`.
   */
  finish(reason: DrainReason, quiet = QUIET): void {
    if (this.#reason === reason || this.#reason === 'stop') return;
    this.#reason = reason;
    for (const server of this.#servers.values()) server.begin(reason);
    if (reason === 'stop') this.#quiet.begin(quiet);
  }

  /**
   * Ends what is idle, `within` ms at the latest. `next` hears how many connections were ended, and how many are left whose
   * client still waits.
   */
  endIdle(within: number, next: (ended: number, unfinished: number) => void): void {
    this.begin('stop', 0);
    const look = (ended: number, turns: number): void => {
      const left = this.#sum(({ unfinished }) => unfinished);
      if (left === 0 || turns === 0) next(ended, left);
      else setImmediate(look, ended, turns - 1);
    };
    this.#quiet.endAll(within, (ended) => look(ended, GOAWAY_TURNS));
  }

  /** Cuts whatever is left. */
  destroy(): void {
    for (const server of this.#servers.values()) server.destroy();
  }

  #mayBeIdle(): void {
    if (this.#reason === 'stop') this.#quiet.again();
  }

  #settle(): void {
    if (!this.#closed || this.#early !== undefined) return;
    if (this.connections === 0) this.#finished.resolve();
  }
}
