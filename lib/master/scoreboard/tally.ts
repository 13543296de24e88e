/** What the master counts by itself: starts, exits and reloads, and how the processes of each slot ended. */

import type { WorkerExit } from '../../common/errors.js';
import type { ExitReason, LastExit } from '../../types.js';

export interface SlotHistory {
  restarts: number;
  lastExit?: LastExit;
}

/** Of the life of a worker. */
interface Ended {
  /** It was ready once. */
  readonly booted: boolean;
  readonly killedBecause: string | undefined;
}

export class Tally {
  starts = 0;
  readonly exits: Record<ExitReason, number> = {
    requested: 0,
    'boot-failed': 0,
    killed: 0,
    signal: 0,
    failed: 0,
    ended: 0,
  };
  readonly reloads = { ok: 0, failed: 0 };
  readonly #slots = new Map<number, SlotHistory>();

  of(slot: number): SlotHistory {
    const history = this.#slots.get(slot) ?? { restarts: 0 };
    this.#slots.set(slot, history);
    return history;
  }

  /** @param requested The master asked for it. */
  exited({ slot, code, signal }: WorkerExit, life: Ended, requested: boolean): void {
    let reason: ExitReason = 'requested';
    if (!requested) {
      if (!life.booted) reason = 'boot-failed';
      else if (life.killedBecause !== undefined) reason = 'killed';
      else if (signal !== null) reason = 'signal';
      else reason = code === 0 ? 'ended' : 'failed';
    }
    this.exits[reason]++;
    this.of(slot).lastExit = { code, signal, reason, at: new Date() };
  }
}
