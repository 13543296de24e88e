/** When is a slot filled again, and when does the fleet give up? Pure: history in, verdict out. */

import type { RecoverySettings } from './options.js';

export type Verdict =
  /** Fill the slot again in `delay` ms; `count` exits are inside the window, this one included. */
  | { readonly kind: 'recover'; readonly delay: number; readonly count: number }
  | { readonly kind: 'give-up'; readonly count: number };

interface SlotHistory {
  /** Exits since the last run that was as long as the window. */
  streak: number;
}

/** Judges unrequested exits in the order in which they happened. Requested ones must not be shown to it. */
export class RecoveryPolicy {
  readonly #settings: RecoverySettings;
  readonly #random: () => number;
  readonly #slots = new Map<number, SlotHistory>();
  #exits: number[] = [];

  constructor(settings: RecoverySettings, random: () => number = Math.random) {
    this.#settings = settings;
    this.#random = random;
  }

  /**
   * @param uptime Milliseconds that the worker lived.
   * @param now Milliseconds on a monotonic clock.
   */
  judge(slot: number, uptime: number, now: number): Verdict {
    const { threshold, window } = this.#settings;
    const delay = this.#delay(slot, uptime);
    if (threshold === Number.POSITIVE_INFINITY) return { kind: 'recover', delay, count: 1 };
    this.#exits = this.#exits.filter((at) => now - at < window);
    this.#exits.push(now);
    const count = this.#exits.length;
    return count > threshold ? { kind: 'give-up', count } : { kind: 'recover', delay, count };
  }

  #delay(slot: number, uptime: number): number {
    const { interval, window } = this.#settings;
    if (interval.kind === 'fixed') return interval.delay;
    const history = this.#slots.get(slot) ?? { streak: 0 };
    this.#slots.set(slot, history);
    if (uptime >= window) history.streak = 0;
    const further = history.streak++;
    // The first exit is recovered at once: one crash in a day must not cost a client anything.
    if (further === 0) return 0;
    const grown = Math.min(interval.max, interval.initial * interval.factor ** (further - 1));
    return Math.max(0, Math.round(grown * (1 + interval.jitter * (2 * this.#random() - 1))));
  }
}
