/** In a worker: how long a drain may take, and what is said when it takes longer. */

import type { MasterWatch } from '../../addon/native.cjs';
import { keptAliveBy } from '../../common/kept-alive.js';
import type { Log } from '../../common/log.js';
import { TIMER_MAX } from '../../common/timers.js';
import { IDLE_ENDS_MS, NATIVE_ENDS_MS } from '../../protocol/deadlines.js';
import type { Drain } from './drain.js';

/**
 * How long before the deadline idle connections are ended, in milliseconds: so long for each, so that they can be ended one by one; and
 * what is left then is for the answers to what the last of them have sent.
 */
const LEAD = { answers: 200, each: 1, most: 5_000 } as const;

/** What is idle at the deadline itself has ended after so long. Milliseconds. */
const LAST_LOOK = 50;

export interface DeadlineContext {
  readonly drain: Pick<Drain, 'connections' | 'destroy' | 'endIdle'>;
  readonly log: Log;
  /** Ends the process also while the event loop is blocked. */
  readonly watch: () => Pick<MasterWatch, 'exitAfter'> | undefined;
}

export class Deadline {
  readonly #context: DeadlineContext;
  #endedAt = -Infinity;
  #approach: NodeJS.Timeout | undefined;
  #set: { readonly at: number; readonly timer: NodeJS.Timeout } | undefined;

  constructor(context: DeadlineContext) {
    this.#context = context;
  }

  /** Milliseconds that are left, never less than 0; `undefined` when there is none. */
  get left(): number | undefined {
    return this.#set === undefined ? undefined : Math.max(0, this.#set.at - performance.now());
  }

  /** Whatever is left in `timeout` ms is cut. Called again it moves the deadline. */
  set(timeout: number, code: number): void {
    clearTimeout(this.#set?.timer);
    clearTimeout(this.#approach);
    // A deadline that no timer can hold is none.
    if (!(timeout <= TIMER_MAX)) return;
    const timer = setTimeout(() => this.#expire(timeout), timeout).unref();
    this.#set = { at: performance.now() + timeout, timer };
    this.#approach = setTimeout(() => this.#near(timeout), timeout - Math.min(timeout / 2, LEAD.most)).unref();
    this.#context.watch()?.exitAfter(Math.ceil(timeout) + NATIVE_ENDS_MS, code);
  }

  /** Ends idle connections ahead of the deadline: what arrives while the last of them are closed is answered before it. */
  #near(timeout: number): void {
    const { drain } = this.#context;
    const left = this.left ?? 0;
    const lead = Math.min(timeout / 2, LEAD.answers + LEAD.each * drain.connections, LEAD.most);
    if (left > lead + 1) {
      this.#approach = setTimeout(() => this.#near(timeout), left - lead).unref();
      return;
    }
    drain.endIdle(Math.max(0, left - LEAD.answers), (ended) => this.#ended(ended, timeout));
  }

  #expire(timeout: number): void {
    const { drain } = this.#context;
    const { connections } = drain;
    // Those that were ended last may have been so this very moment.
    if (connections === 0 && performance.now() - this.#endedAt > IDLE_ENDS_MS) this.#giveUp(timeout);
    drain.endIdle(LAST_LOOK, (ended, unfinished) => {
      this.#ended(ended, timeout);
      if (unfinished > 0) this.#giveUp(timeout);
      drain.destroy();
      setTimeout(() => this.#giveUp(timeout), IDLE_ENDS_MS).unref();
    });
  }

  /** Clients that had nothing to ask for so long: what a replacement leaves behind, and no reason to worry. */
  #ended(ended: number, timeout: number): void {
    if (ended === 0) return;
    this.#endedAt = performance.now();
    const what = `${ended} idle connection${ended === 1 ? '' : 's'}`;
    this.#context.log.info(`ended ${what} at the end of the ${Math.round(timeout)} ms that the drain had`, {
      event: 'drain',
    });
  }

  #giveUp(timeout: number): never {
    const { drain, log } = this.#context;
    const { connections } = drain;
    const open = `${connections} connection${connections === 1 ? '' : 's'} open`;
    log.warn(
      `not done ${Math.round(timeout)} ms after the drain began: ${open}; ` +
        `the event loop is kept alive by ${keptAliveBy()}. Ending the process`,
      { event: 'drain' },
    );
    drain.destroy();
    process.exit();
  }
}
