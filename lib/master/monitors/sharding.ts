/**
 * Sharded listeners in the master: which slots get new connections, and which workers accept what is queued at a slot that none serves.
 *
 * Every slot has a socket of its own, so idle workers get an even share; what makes it lossless is that a slot without a worker
 * that serves is *orphaned*: the kernel sends it no new connections, and every other worker accepts from its queue until
 * a worker serves it again. All of them, as on a shared socket: a single adopter could be blocked in its turn.
 */

import type { SlotSockets } from '../../system/slot-sockets.js';
import type { QueueReport, Queues, QueueWatch, System } from '../../system/system.js';
import type { Logger } from '../../types.js';
import type { WorkerHandle } from '../workers/worker-handle.js';
import { Stalls } from './stalls.js';

/** The sockets of one sharded listener, and its place in the list that workers know. */
export interface ShardedListener {
  readonly index: number;
  readonly shards: SlotSockets;
}

/** Milliseconds after which a worker that could not adopt is asked again, by the next report of the queue. */
const ASK_AGAIN = 500;

export interface ShardingContext {
  readonly system: Pick<System, 'now' | 'after' | 'cpuWait'>;
  readonly queues: Queues;
  readonly log: Logger;
  readonly listeners: readonly ShardedListener[];
}

/** A slot, as far as its sockets are concerned. */
interface Seat {
  /** Ready workers that hold the slot's sockets: two while it changes hands. */
  readonly workers: Set<WorkerHandle>;
  /** Who accepts in their place; `undefined` unless the slot is orphaned. */
  adopters: Set<WorkerHandle> | undefined;
}

export class Sharding {
  readonly #context: ShardingContext;
  readonly #seats: Seat[] = [];
  readonly #slotOf = new Map<number, number>();
  readonly #watch: QueueWatch;
  readonly #stalls: Stalls;
  /** Workers that have no place for connections. */
  readonly #full = new Set<WorkerHandle>();
  #closed = false;

  constructor(context: ShardingContext) {
    this.#context = context;
    this.#watch = context.queues.watch((reports) => this.#onWaiting(reports));
    this.#stalls = new Stalls({
      system: context.system,
      log: context.log,
      stalled: ({ place: { slot } }) => {
        this.#review(this.#seats[slot] as Seat, slot);
        // The adopter that the kernel wakes for one of its connections may not come either.
        this.#rearm(slot);
      },
      revived: (handle) => this.#onRevived(handle),
      passed: (slot) => this.#rearm(slot),
      queued: (slot) => this.#socketsOf(slot).some(({ fd }) => context.queues.depth(fd).depth > 0),
      siblings: (slot) => this.#serving().filter((handle) => handle.place.slot !== slot),
    });
  }

  /**
   * Opens the sockets of `slots` slots, if there are fewer.
   * @throws the system error of a socket that could not be opened.
   */
  grow(slots: number): void {
    for (const { shards } of this.#context.listeners) shards.grow(slots);
    while (this.#seats.length < slots) {
      const slot = this.#seats.push({ workers: new Set(), adopters: undefined }) - 1;
      for (const { fd } of this.#socketsOf(slot)) {
        this.#slotOf.set(fd, slot);
        this.#watch.add(fd);
      }
    }
  }

  /** To be called whenever a worker becomes ready, begins to drain, or ends. */
  changed(handle: WorkerHandle): void {
    if (this.#closed) return;
    if (handle.state === 'ready') this.#joined(handle);
    else this.#left(handle);
  }

  /** An event loop turned. */
  pong(handle: WorkerHandle, id: number): void {
    this.#stalls.pong(handle, id);
  }

  /** A worker could not accept for another slot: it was short of descriptors, perhaps. Asked again while connections wait. */
  unadopted(handle: WorkerHandle, slot: number): void {
    const adopters = this.#seats[slot]?.adopters;
    if (this.#closed || adopters === undefined) return;
    this.#context.system.after(ASK_AGAIN, () => adopters.delete(handle));
  }

  /** A worker has no place for connections, and others accept for it, or it has again. */
  accepting(handle: WorkerHandle, yes: boolean): void {
    const { slot } = handle.place;
    const seat = this.#seats[slot];
    if (this.#closed || !seat?.workers.has(handle) || this.#full.has(handle) !== yes) return;
    if (yes) {
      this.#full.delete(handle);
      this.#serves(seat, slot, handle);
    } else {
      this.#full.add(handle);
      // What it was asked for before it may have refused. It is asked again when it has a place.
      for (const { adopters } of this.#seats) adopters?.delete(handle);
      this.#review(seat, slot);
    }
  }

  /** The fleet stops: every worker accepts what is queued at its own slot, and nothing changes hands any more. */
  close(): void {
    this.#closed = true;
    this.#stalls.close();
    this.#watch.close();
  }

  #joined(handle: WorkerHandle): void {
    const seat = this.#seats[handle.place.slot] as Seat;
    if (seat.workers.has(handle)) return;
    seat.workers.add(handle);
    this.#serves(seat, handle.place.slot, handle);
  }

  /** One worker more: it has its own queue, and helps with those that no worker serves. */
  #serves(seat: Seat, own: number, handle: WorkerHandle): void {
    this.#reclaim(seat, own);
    for (const [slot, other] of this.#seats.entries())
      if (other.adopters !== undefined) this.#adopt(other, slot, handle);
    this.#steer();
  }

  #left(handle: WorkerHandle): void {
    const { slot } = handle.place;
    const seat = this.#seats[slot] as Seat;
    for (const { adopters } of this.#seats) adopters?.delete(handle);
    this.#stalls.forget(handle);
    this.#full.delete(handle);
    if (seat.workers.delete(handle)) this.#review(seat, slot);
  }

  #onRevived(handle: WorkerHandle): void {
    const { slot } = handle.place;
    if (this.#full.has(handle)) return;
    this.#steer();
    this.#reclaim(this.#seats[slot] as Seat, slot);
    this.#rearm(slot);
  }

  /** New connections first: what arrives between the two steps at the orphaned slot is accepted by its adopters. */
  #review(seat: Seat, slot: number): void {
    this.#steer();
    if (this.#awake(seat).length === 0) this.#orphan(seat, slot);
  }

  #orphan(seat: Seat, slot: number): void {
    seat.adopters ??= new Set();
    for (const handle of this.#serving()) this.#adopt(seat, slot, handle);
  }

  #adopt(seat: Seat, slot: number, handle: WorkerHandle): void {
    if (seat.workers.has(handle) || seat.adopters?.has(handle)) return;
    // Refused: the worker is gone, or its buffer is full because it is blocked. The next report of the queue tries again.
    if (handle.adopt(slot, this.#socketsOf(slot))) seat.adopters?.add(handle);
  }

  #reclaim(seat: Seat, slot: number): void {
    for (const handle of seat.adopters ?? []) handle.release(slot);
    seat.adopters = undefined;
  }

  #steer(): void {
    const live = [...this.#seats.entries()].flatMap(([slot, seat]) => (this.#awake(seat).length > 0 ? [slot] : []));
    for (const { shards } of this.#context.listeners) shards.steer(live);
  }

  /** Ready workers that are not known to be blocked, and have a place for connections. */
  #serving(): WorkerHandle[] {
    return this.#seats.flatMap((seat) => this.#awake(seat));
  }

  /** Those of them that accept from the slot's own sockets. Empty: the others have to. */
  #awake({ workers }: Seat): WorkerHandle[] {
    return [...workers].filter((handle) => !this.#stalls.has(handle) && !this.#full.has(handle));
  }

  #socketsOf(slot: number): { readonly fd: number; readonly listener: number }[] {
    return this.#context.listeners.map(({ shards, index }) => ({ fd: shards.fds[slot] as number, listener: index }));
  }

  /** Connections have been waiting for a while. */
  #onWaiting(reports: readonly QueueReport[]): void {
    if (this.#closed) return;
    for (const { fd } of reports) {
      const slot = this.#slotOf.get(fd) as number;
      const seat = this.#seats[slot] as Seat;
      const workers = this.#awake(seat);
      if (workers.length > 0) {
        this.#stalls.suspect(slot, workers);
      } else {
        this.#orphan(seat, slot);
        for (const handle of seat.adopters ?? []) handle.look();
        this.#watch.rearm(fd);
      }
    }
  }

  #rearm(slot: number): void {
    if (this.#closed) return;
    for (const { fd } of this.#socketsOf(slot)) this.#watch.rearm(fd);
  }
}
