/** Who fills which slot, and how a slot changes hands: the new worker first, then the old one's drain. */

import { Drains, type DrainsContext } from './drains.js';
import type { PreforkError, WorkerExit } from './errors.js';
import { notStarted, type Start } from './starter.js';
import type { WorkerHandle, WorkerPlace } from './worker-handle.js';

interface Slot {
  /** The worker that serves, or that boots to be the first one to. */
  current: WorkerHandle | undefined;
  /** A worker that boots to take over from `current`. */
  candidate: WorkerHandle | undefined;
  /** `current` ended by itself while `candidate` was booting; judged only if that one fails. */
  vacancy: { readonly handle: WorkerHandle; readonly exit: WorkerExit } | undefined;
}

export interface SlotsContext extends DrainsContext {
  start(place: WorkerPlace): Start;
  /** A slot is empty although nobody asked for that. */
  vacant(handle: WorkerHandle, exit: WorkerExit): void;
}

export type Replacement =
  | { readonly kind: 'replaced'; readonly old: WorkerHandle | undefined; readonly handle: WorkerHandle }
  | { readonly kind: 'failed'; readonly error: PreforkError }
  /** The fleet stops, or the slot is no more. */
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
    return this.#slots.push({ current: undefined, candidate: undefined, vacancy: undefined }) - 1;
  }

  /** Takes the last slot away and drains whoever fills it. */
  removeLast(): void {
    const slot = this.#slots.pop();
    if (slot?.current !== undefined) this.retire(slot.current);
    if (slot?.candidate !== undefined) this.retire(slot.candidate);
  }

  /** Whether a recovery is still to be made: the slot exists, and nobody is in it or on the way into it. */
  wants(slot: number): boolean {
    const found = this.#slots[slot];
    return found !== undefined && found.current === undefined && found.candidate === undefined;
  }

  /** Whether a worker is the one of its slot. */
  serves(handle: WorkerHandle): boolean {
    return this.#slots[handle.place.slot]?.current === handle && handle.state === 'ready';
  }

  /** Starts the worker of an empty slot. */
  fill(place: WorkerPlace): Start {
    const start = this.#context.start(place);
    const slot = this.#slots[place.slot];
    if (slot !== undefined) slot.current = start.handle;
    start.ready.catch(() => {
      if (slot?.current === start.handle) slot.current = undefined;
    });
    return start;
  }

  /** Starts a worker beside the one in the slot, and drains that one once the new one serves. */
  async replace(place: WorkerPlace): Promise<Replacement> {
    const slot = this.#slots[place.slot];
    if (slot === undefined) return { kind: 'cancelled' };
    const { handle, ready } = this.#context.start(place);
    slot.candidate = handle;
    const serves = await ready.catch((error: unknown) => notStarted(place.slot, error));
    if (slot.candidate === handle) slot.candidate = undefined;
    if (serves === true && handle.state === 'ready' && this.#slots[place.slot] === slot) {
      const old = slot.current;
      slot.current = handle;
      slot.vacancy = undefined;
      if (old !== undefined) this.retire(old);
      return { kind: 'replaced', old, handle };
    }
    const { vacancy } = slot;
    slot.vacancy = undefined;
    if (vacancy !== undefined) this.#context.vacant(vacancy.handle, vacancy.exit);
    const error = typeof serves === 'boolean' ? handle.failure : serves;
    return error === undefined || handle.requested ? { kind: 'cancelled' } : { kind: 'failed', error };
  }

  /** A worker has ended, and nobody asked it to. */
  exited(handle: WorkerHandle, exit: WorkerExit): void {
    const slot = this.#slots[handle.place.slot];
    if (slot?.candidate === handle || slot?.current !== handle) return;
    slot.current = undefined;
    if (slot.candidate === undefined) this.#context.vacant(handle, exit);
    else slot.vacancy = { handle, exit };
  }

  /** Lets a worker finish what it accepted, and ends it when that takes too long. */
  retire(handle: WorkerHandle): void {
    this.#drains.begin(handle);
  }

  /** Warns of drains that pile up. */
  tellDrains(always: boolean): void {
    this.#drains.tell(this.count, always);
  }
}
