/** One generation takes the slots of another: on trial first, watched to the end, and back again when it dies. */

import { deferred } from '../common/deferred.js';
import type { Log } from '../common/log.js';
import type { ReloadResult } from '../types.js';
import type { Replacement, Slots } from './workers/slots.js';
import type { Stays } from './workers/stays.js';
import type { WorkerHandle } from './workers/worker-handle.js';

export interface RolloutContext {
  readonly log: Log;
  readonly slots: Slots;
  readonly stays: Stays;
  /** How many slots change hands at a time. */
  readonly maxSurge: number;
  /** Of the workers that take over. */
  readonly generation: number;
  /** The answer for a slot that will not change hands any more. */
  stopped(): Error;
}

type Replaced = Extract<Replacement, { kind: 'replaced' }>;

export class Rollout {
  readonly #context: RolloutContext;
  readonly #taken = new Map<WorkerHandle, Replaced>();
  readonly #failed = deferred();
  #next = 0;
  #failure: Error | undefined;
  /** It was ready, and ended: the others of its generation are likely to follow. */
  #dies = false;

  constructor(context: RolloutContext) {
    this.#context = context;
  }

  /** Resolves with what went wrong, when every slot has changed hands and the last of the new workers has stayed otherwise. */
  async run(): Promise<Error | undefined> {
    const { slots, stays, maxSurge } = this.#context;
    // The first ones are on trial: their predecessors go on until it is over, and no other worker is touched. The others need no trial of
    // their own, or a reload would take that long for each of them.
    if (!stays.atOnce) await this.#replace(Math.min(maxSurge, slots.count), true);
    await this.#replace(slots.count, false);
    await Promise.all([...this.#taken.keys()].map((handle) => this.#watch(handle)));
    return this.#failure;
  }

  /** At most `maxSurge` at a time, in the order of the slots. The first failure lets no other begin, and none take over. */
  async #replace(until: number, onTrial: boolean): Promise<void> {
    const { slots, stays, generation, maxSurge } = this.#context;
    const mayTakeOver = async (handle: WorkerHandle): Promise<boolean> =>
      (!onTrial || (await stays.onTrial(handle, this.#failed.promise))) && this.#failure === undefined;
    const lane = async (): Promise<void> => {
      while (this.#next < until && this.#failure === undefined) {
        const outcome = await slots.replace({ slot: this.#next++, generation }, mayTakeOver);
        if (outcome.kind === 'replaced') {
          this.#taken.set(outcome.handle, outcome);
          this.#announce(outcome);
        } else this.#fail(outcome.kind === 'failed' ? outcome.error : this.#context.stopped());
      }
    };
    await Promise.all(Array.from({ length: maxSurge }, lane));
  }

  async #watch(handle: WorkerHandle): Promise<void> {
    if (await this.#context.stays.till(handle, this.#failed.promise)) return;
    if (this.#failure === undefined) this.#died(handle);
  }

  /** A worker of the fleet has ended by itself. */
  lost(handle: WorkerHandle): void {
    if (this.#taken.has(handle)) this.#died(handle);
  }

  #died(handle: WorkerHandle): void {
    this.#dies ||= !handle.life.requested;
    this.#fail(handle.life.requested ? this.#context.stopped() : (handle.failure ?? this.#context.stopped()));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#failed.resolve();
  }

  /** Gives slots back to a generation that is known to work: those whose new workers have not stayed, when others of theirs died. */
  async undo(generation: number): Promise<void> {
    const { slots, stays } = this.#context;
    if (!this.#dies) return;
    for (const handle of this.#taken.keys()) {
      if (!slots.serves(handle) || stays.has(handle)) continue;
      const outcome = await slots.replace({ slot: handle.place.slot, generation }, async () => true);
      if (outcome.kind !== 'replaced') return;
      this.#announce(outcome);
    }
  }

  #announce({ old, handle }: Replaced): void {
    this.#context.log.info(`${handle} ${old === undefined ? 'is ready' : `took over from pid ${old.pid}`}`, {
      event: 'reload',
      worker: handle.info,
      oldPid: old?.pid,
    });
  }

  /** The slots that are served by what took them over. */
  get replaced(): ReloadResult['replaced'] {
    return [...this.#taken.values()]
      .filter(({ handle }) => this.#context.slots.serves(handle))
      .map(({ old, handle }) => ({ slot: handle.place.slot, oldPid: old?.pid ?? 0, newPid: handle.pid }))
      .sort((a, b) => a.slot - b.slot);
  }
}
