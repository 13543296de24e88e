/** In a worker: how long a drain may take, and what is said when it takes longer. */

import type { Drain } from './drain.js';
import { keptAliveBy } from './kept-alive.js';
import type { ParentWatch } from './native.cjs';
import type { Logger } from './types.js';
import { TIMER_MAX } from './validate.js';

/** How much later than the event loop's own deadline the native one ends a worker whose loop is blocked. Milliseconds. */
const BACKSTOP_MARGIN = 250;

/** What the code behind `prefork()` has left to end in, after idle connections were ended at the deadline. Milliseconds. */
const IDLE_MARGIN = 100;

export interface DeadlineContext {
  readonly drain: Pick<Drain, 'connections' | 'destroy' | 'endIdle'>;
  readonly log: Logger;
  /** Ends the process also while the event loop is blocked. */
  readonly watch: () => Pick<ParentWatch, 'exitAfter'> | undefined;
}

export class Deadline {
  readonly #context: DeadlineContext;
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
    // A deadline that no timer can hold is none.
    if (!(timeout <= TIMER_MAX)) return;
    const timer = setTimeout(() => this.#expire(timeout), timeout).unref();
    this.#set = { at: performance.now() + timeout, timer };
    this.#context.watch()?.exitAfter(Math.ceil(timeout) + BACKSTOP_MARGIN, code);
  }

  #expire(timeout: number): void {
    const { drain, log } = this.#context;
    const { connections } = drain;
    if (connections === 0) this.#giveUp(timeout);
    drain.endIdle((unfinished) => {
      if (unfinished > 0) this.#giveUp(timeout);
      // Clients that had nothing to ask for so long: what a replacement leaves behind, and no reason to worry.
      log.info(
        `ended ${connections} idle connection${connections === 1 ? '' : 's'} ${Math.round(timeout)} ms after the drain began`,
      );
      drain.destroy();
      setTimeout(() => this.#giveUp(timeout), IDLE_MARGIN).unref();
    });
  }

  #giveUp(timeout: number): never {
    const { drain, log } = this.#context;
    log.warn(
      `not done ${Math.round(timeout)} ms after the drain began: ${drain.connections} connections open; ` +
        `the event loop is kept alive by ${keptAliveBy()}. Ending the process`,
    );
    drain.destroy();
    process.exit();
  }
}
