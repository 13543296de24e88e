/** Who fills which slot, and how a slot changes hands: the new worker first, then the old one's drain. */

import { deferred } from '../../common/deferred.js';
import type { PreforkError, WorkerExit } from '../../common/errors.js';
import { notStarted } from './boot-failure.js';
import { Drains, type DrainsContext } from './drains.js';
import type { WorkerPlace } from './events.js';
import { readyInTime, type Start } from './starter.js';
import type { WorkerHandle } from './worker-handle.js';

interface Slot {
  /** The worker that serves, or that boots to be the first one to. */
  current: WorkerHandle | undefined;
  /** A worker that is to take over from `current`: it boots, or is on trial. */
  candidate: WorkerHandle | undefined;
  /** A recovery was due and found `candidate` there: it runs if that one fails. */
  duty: (() => void) | undefined;
}

export interface SlotsContext extends DrainsContext {
  start(place: WorkerPlace): Start;
  /** A worker ended before it was ready, for no reason of its own: another one is to be started in its place. */
  again(handle: WorkerHandle): Promise<boolean>;
  /** The worker of a slot has ended by itself. */
  vacant(handle: WorkerHandle, exit: WorkerExit): void;
}

export type Replacement =
  | { readonly kind: 'replaced'; readonly old: WorkerHandle | undefined; readonly handle: WorkerHandle }
  | { readonly kind: 'failed'; readonly error: PreforkError }
  /** The fleet stops, the slot is gone, or the caller has changed its mind. */
  | { readonly kind: 'cancelled' };

export class Slots {
  readonly #context: SlotsContext;
  readonly #drains: Drains;
  #slots: Slot[] = [];

  constructor(context: SlotsContext) {
    this.#context = context;
    this.#drains = new Drains(context);
  }

  get count(): number {
    return this.#slots.length;
  }

  /** Appends an empty slot; returns its number. */
  add(): number {
    return this.#slots.push({ current: undefined, candidate: undefined, duty: undefined }) - 1;
  }

  /** Takes the last slot away and drains its worker. */
  removeLast(): void {
    const slot = this.#slots.pop();
    if (slot?.current !== undefined) this.retire(slot.current);
    if (slot?.candidate !== undefined) this.retire(slot.candidate);
  }

  /**
   * Whether a recovery is still to be made now: the slot exists, has no worker, and none boots for it. One that boots may fail: then `duty`
   * is done after all.
   */
  claim(slot: number, duty: () => void): boolean {
    const found = this.#slots[slot];
    if (found === undefined || found.current !== undefined) return false;
    if (found.candidate === undefined) return true;
    found.duty = duty;
    return false;
  }

  /** Whether a worker is the one of its slot. */
  serves(handle: WorkerHandle): boolean {
    return this.#slots[handle.place.slot]?.current === handle && handle.state === 'ready';
  }

  /** Whether a slot other than this one has a worker that serves, and of which `good` holds. */
  othersServe(slot: number, good: (handle: WorkerHandle) => boolean): boolean {
    return this.#slots.some(({ current }, i) => i !== slot && current?.state === 'ready' && good(current));
  }

  /** Starts the worker of an empty slot. One that is stuck keeps it: a second one would serve beside it, and might be stuck as well. */
  fill(place: WorkerPlace): Start {
    const slot = this.#slots[place.slot] as Slot;
    const start = this.#startTracked(place, slot, 'current');
    start.ready.catch(() => {
      if (slot.current === start.handle) slot.current = undefined;
    });
    return start;
  }

  /** As often as it takes: its handle is that of the last attempt. */
  #startTracked(place: WorkerPlace, slot: Slot, as: 'current' | 'candidate'): Start {
    const stuck = deferred<PreforkError>();
    const begin = (): Start => {
      const start = this.#context.start(place);
      slot[as] = start.handle;
      void start.stuck.then(stuck.resolve);
      return start;
    };
    let start = begin();
    const taken = (): boolean => slot[as] !== start.handle || this.#slots[place.slot] !== slot;
    const ready = async (): Promise<boolean> => {
      while (!(await start.ready)) {
        const again = await this.#context.again(start.handle);
        if (!again || taken()) return false;
        start = begin();
      }
      return true;
    };
    const promise = ready().catch((error: unknown) => {
      // Another worker has the slot, or there is none any more: this one is not missed.
      if (taken()) return false;
      throw error;
    });
    return {
      get handle() {
        return start.handle;
      },
      ready: promise,
      stuck: stuck.promise,
    };
  }

  /**
   * Starts a worker beside the one in the slot, and drains that one once the new one serves and `mayTakeOver`; meanwhile both serve.
   */
  async replace(place: WorkerPlace, mayTakeOver: (candidate: WorkerHandle) => Promise<boolean>): Promise<Replacement> {
    const slot = this.#slots[place.slot];
    if (slot === undefined) return { kind: 'cancelled' };
    const start = this.#startTracked(place, slot, 'candidate');
    const serves = await readyInTime(start).catch((error: unknown) => notStarted(place.slot, error));
    const { handle } = start;
    const takesOver = serves === true && handle.state === 'ready' && (await mayTakeOver(handle));
    if (slot.candidate === handle) slot.candidate = undefined;
    const exists = this.#slots[place.slot] === slot;
    if (takesOver && handle.state === 'ready' && exists) {
      const old = slot.current;
      slot.current = handle;
      slot.duty = undefined;
      if (old !== undefined) this.retire(old);
      return { kind: 'replaced', old, handle };
    }
    // What was to be done for the slot is due again, however long ago that was.
    const { duty } = slot;
    slot.duty = undefined;
    if (exists && slot.current === undefined) duty?.();
    const error = typeof serves === 'boolean' ? handle.failure : serves;
    const failed = error !== undefined && !handle.life.requested;
    // It is stuck, and hears that it is not wanted any more when it is ready after all.
    const stuck = failed && handle.pid !== 0 && handle.state === 'starting';
    if (stuck || (!failed && handle.state === 'ready')) this.retire(handle);
    return failed ? { kind: 'failed', error } : { kind: 'cancelled' };
  }

  /** A worker has ended by itself. */
  exited(handle: WorkerHandle, exit: WorkerExit): void {
    const slot = this.#slots[handle.place.slot];
    if (slot?.candidate === handle || slot?.current !== handle) return;
    slot.current = undefined;
    if (slot.candidate === undefined) this.#context.vacant(handle, exit);
    else slot.duty = () => this.#context.vacant(handle, exit);
  }

  /** Lets a worker finish what it accepted, and ends it when that takes too long. */
  retire(handle: WorkerHandle): void {
    this.#drains.begin(handle);
  }

  /** Warns of drains that pile up. */
  warnOfDrains(always: boolean): void {
    this.#drains.warn(this.count, always);
  }
}
