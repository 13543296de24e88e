/** When is a slot filled again, and when does the fleet give up? Pure: history in, verdict out. */

import { BACKOFF } from '../options/recovery.js';
import type { RecoverySettings } from '../options/settings.js';
import type { Backoff } from '../types.js';

export type Verdict =
  /** Fill the slot again in `delay` ms; `count` exits are inside the window, this one included; 0: it is not counted. */
  | { readonly kind: 'recover'; readonly delay: number; readonly count: number }
  | { readonly kind: 'give-up'; readonly count: number };

/** What came to its end: no process was started at all; a worker before it had stayed; or one that had. */
export type Ended = 'spawn' | 'early' | 'late';

export interface Loss {
  readonly slot: number;
  /** Milliseconds that the worker lived. */
  readonly uptime: number;
  readonly ended: Ended;
  /** Another slot has a worker that serves; that has stayed, unless `ended` is `'spawn'`. */
  readonly othersServe: boolean;
}

/** Judges unrequested exits in the order in which they happened. Requested ones must not be shown to it. */
export class RecoveryPolicy {
  readonly #settings: RecoverySettings;
  readonly #random: () => number;
  /** Losses of each slot since its last run that was as long as the window. */
  readonly #streaks = new Map<number, number>();
  /** Losses of each slot in a row that were not `'late'`. */
  readonly #failures = new Map<number, number>();
  #counted: { readonly slot: number; readonly at: number }[] = [];

  constructor(settings: RecoverySettings, random: () => number = Math.random) {
    this.#settings = settings;
    this.#random = random;
  }

  /** @param now Milliseconds on a monotonic clock. */
  judge(loss: Loss, now: number): Verdict {
    const { threshold, window } = this.#settings;
    const { slot, ended, othersServe } = loss;
    const further = this.#further(loss);
    const failures = this.#failuresBefore(loss);
    // What cannot be started, or does not stay, says nothing about those that serve. With a threshold of 0 every worker that ends counts,
    // and without one nothing does: then the interval is what was asked for.
    const counts =
      ended === 'late' || (ended === 'early' && (threshold === 0 || threshold === Number.POSITIVE_INFINITY));
    if (othersServe && !counts) {
      return { kind: 'recover', delay: this.#patient(further, failures), count: 0 };
    }
    const delay = this.#delay(further);
    if (threshold === Number.POSITIVE_INFINITY) return { kind: 'recover', delay, count: 1 };
    this.#counted = this.#counted.filter(({ at }) => now - at < window);
    this.#counted.push({ slot, at: now });
    const count = this.#counted.length;
    // One slot alone never ends a fleet in which others serve: the one that fails most counts once.
    const spread = othersServe && threshold > 0 ? count - this.#most() + 1 : count;
    return spread > threshold ? { kind: 'give-up', count } : { kind: 'recover', delay, count };
  }

  #most(): number {
    const bySlot = new Map<number, number>();
    for (const { slot } of this.#counted) bySlot.set(slot, (bySlot.get(slot) ?? 0) + 1);
    return Math.max(...bySlot.values());
  }

  #further({ slot, uptime }: Loss): number {
    const before = uptime >= this.#settings.window ? 0 : (this.#streaks.get(slot) ?? 0);
    this.#streaks.set(slot, before + 1);
    return before;
  }

  #failuresBefore({ slot, ended }: Loss): number {
    if (ended === 'late') {
      this.#failures.delete(slot);
      return 0;
    }
    const before = this.#failures.get(slot) ?? 0;
    this.#failures.set(slot, before + 1);
    return before;
  }

  #delay(further: number): number {
    const { interval } = this.#settings;
    return interval.kind === 'fixed' ? interval.delay : this.#grown(further, interval);
  }

  /** What nothing counts must not be tried without end at a short fixed interval. Workers that had stayed say nothing about that. */
  #patient(further: number, failures: number): number {
    const { interval } = this.#settings;
    return interval.kind === 'fixed'
      ? Math.max(interval.delay, this.#grown(failures, BACKOFF))
      : this.#grown(further, interval);
  }

  #grown(further: number, { initial, max, factor, jitter }: Required<Backoff>): number {
    // The first exit is recovered at once: one crash in a day must not cost a client anything.
    if (further === 0) return 0;
    const grown = Math.min(max, initial * factor ** (further - 1));
    return Math.max(0, Math.round(grown * (1 + jitter * (2 * this.#random() - 1))));
  }
}
