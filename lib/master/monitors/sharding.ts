/**
 * Sharded listeners in the master: which slots get new connections, and which workers accept what is queued at a slot that none serves.
 *
 * Every slot has a socket of its own, so idle workers get an even share; what makes it lossless is that a slot without a worker
 * that serves is *orphaned*: the kernel sends it no new connections, and every other worker accepts from its queue until
 * a worker serves it again. All of them, as on a shared socket: a single adopter could be blocked in its turn.
 */

import type { Log } from '../../common/log.js';
import type { SlotSockets } from '../../system/slot-sockets.js';
import type { QueueReport, Queues, QueueWatch, System, Timer } from '../../system/system.js';
import type { WorkerHandle } from '../workers/worker-handle.js';
import { StalledWorkers } from './stalled-workers.js';
import { COMPARE_AFTER_MS, Suspicion } from './suspicion.js';

/** The sockets of one sharded listener, and its place in the list that workers know. */
export interface ShardedListener {
  readonly index: number;
  readonly shards: SlotSockets;
}

/** When a worker that could not adopt is asked again, by the next report of the queue. */
const ASK_AGAIN_MS = 500;
/** A timer of the master that fires so late finds answers in its pipes that it has not read yet. */
const LATE_MS = 20;

export interface ShardingContext {
  readonly system: Pick<System, 'now' | 'after' | 'cpuWait'>;
  readonly queues: Queues;
  readonly log: Log;
  readonly listeners: readonly ShardedListener[];
  /** What is added to the number of a slot when workers hear of it. Default: nothing. */
  readonly offset?: number;
}

/** Of all that are there: the answers go to each. */
let pings = 0;

/** A slot, as far as its sockets are concerned. */
interface ServedSlot {
  /** Ready workers that hold the slot's sockets: two while it changes hands. */
  readonly workers: Set<WorkerHandle>;
  /** The workers that accept in their place; `undefined` unless the slot is orphaned. */
  adopters: Set<WorkerHandle> | undefined;
  /** Those that have been given the slot's sockets since: also who could not take some of them, or had no place for connections later. */
  readonly given: Set<WorkerHandle>;
}

/** A suspicion, and the timer of the next look at it. */
interface Suspected {
  readonly suspicion: Suspicion<WorkerHandle>;
  timer: Timer | undefined;
}

export class Sharding {
  readonly #context: ShardingContext;
  readonly #offset: number;
  readonly #slots: ServedSlot[] = [];
  readonly #slotOf = new Map<number, number>();
  readonly #watch: QueueWatch;
  /** By the number of the pings. */
  readonly #suspected = new Map<number, Suspected>();
  readonly #stalled: StalledWorkers;
  /** Until workers are asked again that could not adopt. */
  readonly #waits = new Set<Timer>();
  /** Workers that have no place for connections. */
  readonly #full = new Set<WorkerHandle>();
  #closed = false;

  constructor(context: ShardingContext) {
    this.#context = context;
    this.#offset = context.offset ?? 0;
    this.#stalled = new StalledWorkers(context.system, context.log);
    this.#watch = context.queues.watch((reports) => this.#onWaiting(reports));
  }

  /**
   * Opens the sockets of `slots` slots, if there are fewer.
   * @throws the system error of a socket that could not be opened.
   */
  grow(slots: number): void {
    const { listeners } = this.#context;
    // An earlier master may have had more: what waits there is to be accepted, too.
    const all = Math.max(slots, ...listeners.map(({ shards }) => shards.fds.length));
    for (const { shards } of listeners) shards.grow(all);
    while (this.#slots.length < all) {
      const slot = this.#slots.push({ workers: new Set(), adopters: undefined, given: new Set() }) - 1;
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
    else this.#withdrew(handle);
  }

  /** The worker goes on, without what is here. */
  left(handle: WorkerHandle): void {
    if (!this.#closed) this.#withdrew(handle);
  }

  /**
   * An event loop turned.
   * @param ping The number of the ping, if that was one of this class.
   */
  answered(handle: WorkerHandle, ping: number | undefined): void {
    const suspected = ping === undefined ? undefined : this.#suspected.get(ping);
    if (ping !== undefined && suspected?.suspicion.answered(handle, this.#context.system.now())) this.#acquit(ping);
    this.#revive(handle);
  }

  /** A worker could not accept for another slot: it was short of descriptors, perhaps. Asked again while connections wait. */
  adoptionFailed(handle: WorkerHandle, slot: number): void {
    const adopters = this.#slots[slot]?.adopters;
    if (this.#closed || adopters === undefined) return;
    const wait = this.#context.system.after(ASK_AGAIN_MS, () => {
      this.#waits.delete(wait);
      adopters.delete(handle);
    });
    this.#waits.add(wait);
  }

  /** A worker has no place for connections, and others accept for it, or it has again. */
  accepting(handle: WorkerHandle, yes: boolean): void {
    const { slot } = handle.place;
    const served = this.#slots[slot];
    if (this.#closed || !served?.workers.has(handle) || this.#full.has(handle) !== yes) return;
    if (yes) {
      this.#full.delete(handle);
      this.#serves(served, slot, handle);
    } else {
      this.#full.add(handle);
      // What it was asked for before it may have refused. It is asked again when it has a place.
      for (const { adopters } of this.#slots) adopters?.delete(handle);
      this.#review(served, slot);
    }
  }

  /** A listener is about to be closed: not one of these, while the fleet goes on. */
  closing(_listener: unknown): void {}

  /** The fleet stops: every worker accepts what is queued at its own slot, and nothing changes hands any more. */
  close(): void {
    this.#closed = true;
    for (const { timer } of this.#suspected.values()) timer?.cancel();
    this.#suspected.clear();
    for (const wait of this.#waits) wait.cancel();
    this.#waits.clear();
    this.#stalled.close();
    this.#watch.close();
  }

  #joined(handle: WorkerHandle): void {
    const served = this.#slots[handle.place.slot] as ServedSlot;
    if (served.workers.has(handle)) return;
    served.workers.add(handle);
    this.#serves(served, handle.place.slot, handle);
  }

  /** One worker more: it has its own queue, and helps with those that no worker serves. */
  #serves(served: ServedSlot, own: number, handle: WorkerHandle): void {
    this.#reclaim(served, own);
    for (const [slot, other] of this.#slots.entries())
      if (other.adopters !== undefined) this.#adopt(other, slot, handle);
    this.#steer();
  }

  #withdrew(handle: WorkerHandle): void {
    const { slot } = handle.place;
    const served = this.#slots[slot] as ServedSlot;
    for (const { adopters, given } of this.#slots) {
      adopters?.delete(handle);
      given.delete(handle);
    }
    this.#forget(handle);
    this.#full.delete(handle);
    if (served.workers.delete(handle)) this.#review(served, slot);
  }

  /** New connections first: what arrives between the two steps at the orphaned slot is accepted by its adopters. */
  #review(served: ServedSlot, slot: number): void {
    this.#steer();
    if (this.#awake(served).length === 0) this.#orphan(served, slot);
  }

  #orphan(served: ServedSlot, slot: number): void {
    served.adopters ??= new Set();
    for (const handle of this.#serving()) this.#adopt(served, slot, handle);
  }

  #adopt(served: ServedSlot, slot: number, handle: WorkerHandle): void {
    if (served.workers.has(handle) || served.adopters?.has(handle)) return;
    // Refused: the worker is gone, or its buffer is full because it is blocked. The next report of the queue tries again.
    if (!handle.adopt(slot + this.#offset, this.#socketsOf(slot))) return;
    served.adopters?.add(handle);
    served.given.add(handle);
  }

  #reclaim(served: ServedSlot, slot: number): void {
    for (const handle of served.given) handle.release(slot + this.#offset);
    served.given.clear();
    served.adopters = undefined;
  }

  #steer(): void {
    const live = [...this.#slots.entries()].flatMap(([slot, served]) => (this.#awake(served).length > 0 ? [slot] : []));
    for (const { shards } of this.#context.listeners) shards.steer(live);
  }

  /** Ready workers that are not known to be blocked, and have a place for connections. */
  #serving(): WorkerHandle[] {
    return this.#slots.flatMap((served) => this.#awake(served));
  }

  /** Those of them that accept from the slot's own sockets. Empty: the others have to. */
  #awake({ workers }: ServedSlot): WorkerHandle[] {
    return [...workers].filter((handle) => !this.#stalled.has(handle) && !this.#full.has(handle));
  }

  #socketsOf(slot: number): { readonly fd: number; readonly listener: number }[] {
    return this.#context.listeners.map(({ shards, index }) => ({ fd: shards.fds[slot] as number, listener: index }));
  }

  /** Connections have been waiting for a while. */
  #onWaiting(reports: readonly QueueReport[]): void {
    if (this.#closed) return;
    for (const { fd } of reports) {
      const slot = this.#slotOf.get(fd) as number;
      const served = this.#slots[slot] as ServedSlot;
      const workers = this.#awake(served);
      if (workers.length > 0) {
        this.#suspect(slot, workers);
      } else {
        this.#orphan(served, slot);
        for (const handle of served.adopters ?? []) handle.look();
        this.#watch.rearm(fd);
      }
    }
  }

  /** Asks the workers of a slot where connections wait whether their event loops turn. */
  #suspect(slot: number, workers: readonly WorkerHandle[]): void {
    for (const { suspicion } of this.#suspected.values()) if (suspicion.slot === slot) return;
    const { system } = this.#context;
    const id = ++pings;
    const asked = workers.filter((handle) => handle.ping({ for: 'queue', id }));
    // No worker could be asked: the fleet is ending.
    if (asked.length === 0) {
      this.#rearm(slot);
      return;
    }
    const suspected: Suspected = { suspicion: new Suspicion(slot, asked, system.now()), timer: undefined };
    this.#suspected.set(id, suspected);
    this.#wait(COMPARE_AFTER_MS, suspected, () => this.#compare(id, suspected));
  }

  #wait(ms: number, suspected: Suspected, next: () => void): void {
    const { system } = this.#context;
    const due = system.now() + ms;
    suspected.timer = system.after(ms, () => {
      if (system.now() - due < LATE_MS) next();
      else this.#wait(LATE_MS, suspected, next);
    });
  }

  #compare(id: number, suspected: Suspected): void {
    const { system } = this.#context;
    const { suspicion } = suspected;
    const siblings = this.#serving().filter(({ place: { slot } }) => slot !== suspicion.slot);
    const asked = siblings.filter((handle) => handle.ping({ for: 'queue', id }));
    const ms = suspicion.compare(asked, system.now(), this.#cpuWait);
    this.#wait(ms, suspected, () => this.#judge(id, suspected));
  }

  #judge(id: number, suspected: Suspected): void {
    const { system, queues } = this.#context;
    const { suspicion } = suspected;
    const queued = this.#socketsOf(suspicion.slot).some(({ fd }) => queues.depth(fd).depth > 0);
    const verdict = suspicion.verdict(queued, system.now(), this.#cpuWait);
    if (verdict === 'unfounded') {
      this.#acquit(id);
    } else if (verdict === 'stalled') {
      this.#suspected.delete(id);
      for (const handle of suspicion.suspects) this.#stalled.add(handle);
      this.#review(this.#slots[suspicion.slot] as ServedSlot, suspicion.slot);
      // The adopter that the kernel wakes for one of its connections may not come either.
      this.#rearm(suspicion.slot);
    } else {
      this.#wait(verdict.wait, suspected, () => this.#judge(id, suspected));
    }
  }

  readonly #cpuWait = ({ pid }: WorkerHandle): number | undefined => this.#context.system.cpuWait?.(pid);

  /** The suspicion is unfounded: the slot's queues are watched again. */
  #acquit(id: number): void {
    const { suspicion, timer } = this.#suspected.get(id) as Suspected;
    timer?.cancel();
    this.#suspected.delete(id);
    this.#rearm(suspicion.slot);
  }

  #revive(handle: WorkerHandle): void {
    if (!this.#stalled.revive(handle) || this.#full.has(handle)) return;
    const { slot } = handle.place;
    this.#serves(this.#slots[slot] as ServedSlot, slot, handle);
    this.#rearm(slot);
  }

  /** The worker serves no more. */
  #forget(handle: WorkerHandle): void {
    this.#stalled.forget(handle);
    for (const [id, { suspicion }] of this.#suspected) if (suspicion.forget(handle)) this.#acquit(id);
  }

  #rearm(slot: number): void {
    if (this.#closed) return;
    for (const { fd } of this.#socketsOf(slot)) this.#watch.rearm(fd);
  }
}
