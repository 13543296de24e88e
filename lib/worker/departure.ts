/** How a worker that drains stops accepting: which of the connections that still come it takes, and when it begins to drain the others. */

import type { DrainReason } from '../protocol/protocol.cjs';
import type { Admission } from './accepting/admission.js';
import type { Deadline } from './drain/deadline.js';
import type { Drain } from './drain/drain.js';
import { type AcceptQueues, acceptRest } from './drain/last-call.js';
import { QUIET } from './drain/quiet.js';

/**
 * How long the word of the master may take to follow a signal that reached its whole group, and this worker first. A master that gets no CPU
 * for longer finds its workers gone, and clients that have connected to its sockets since. Milliseconds.
 */
const WORD_MS = 5_000;

/** Of the grace period, where that is less. */
const WORD_SHARE = 0.5;

/** Of the grace period: what a connection must have been quiet for to be ended by a stop, where that is less than {@link QUIET}. */
const QUIET_SHARE = 0.25;

export interface DepartureContext {
  readonly queues: AcceptQueues;
  readonly drain: Pick<Drain, 'accepted' | 'begin' | 'finish'>;
  readonly deadline: Pick<Deadline, 'left'>;
  readonly admission: Pick<Admission, 'close' | 'full'>;
  /** The application is asked to finish. */
  readonly abort: AbortController;
  /** The fleet stops, and this worker accepts nothing any more. */
  stoppedAccepting(): void;
}

export class Departure {
  readonly #context: DepartureContext;
  /** A replacement may become a stop, also while the queue is emptied. */
  #reason: DrainReason = 'replace';
  /** Asked to drain, and still accepting what is queued. */
  #accepting = false;
  /** The listeners refuse new connections. */
  #sealed = false;
  /** Milliseconds that a connection must have been quiet for. */
  #quiet = QUIET;
  /** A signal said so, and the master may be about to: until then others may still connect. `performance.now()`. */
  #undecidedUntil = 0;

  constructor(context: DepartureContext) {
    this.#context = context;
  }

  /**
   * The worker drains on a signal; the order of the master may follow.
   * @param grace Milliseconds.
   */
  expectOrder(grace: number): void {
    this.#undecidedUntil = performance.now() + Math.min(WORD_MS, grace * WORD_SHARE);
  }

  /** The master has given its order, has none, or is gone. */
  decided(): void {
    this.#undecidedUntil = 0;
  }

  /** Whether the listeners refuse new connections by now. */
  seal(sealed: boolean): void {
    this.#sealed = sealed;
  }

  /**
   * May be called again: the master may turn a replacement into a stop.
   * @param timeout Milliseconds until the worker cuts the connections that are left.
   * @param queued Accept first the connections that are queued.
   */
  begin(reason: DrainReason, timeout: number, queued: boolean): void {
    if (reason === 'stop') this.#reason = reason;
    this.#quiet = Math.min(QUIET, timeout * QUIET_SHARE);
    // The echo of a stop, as when a signal reaches the whole group, and then the master's word for it.
    if (this.#accepting) return;
    this.#accepting = queued;
    if (!queued) {
      this.#close();
      return;
    }
    const { queues, drain, deadline, admission, abort } = this.#context;
    const call = {
      queues,
      left: () => deadline.left ?? Number.POSITIVE_INFINITY,
      accepted: () => drain.accepted,
      sealed: () => this.#sealed,
      undecided: () => performance.now() < this.#undecidedUntil,
      full: () => admission.full,
      finish: () => drain.finish(this.#reason, this.#quiet),
      abort: () => abort.abort(),
    };
    acceptRest(call, () => this.#close());
  }

  #close(): void {
    const { drain, admission, abort, stoppedAccepting } = this.#context;
    this.#accepting = false;
    admission.close();
    // Ahead of the close: the application may close its servers by itself, and would be refused.
    abort.abort();
    drain.begin(this.#reason, this.#quiet);
    if (this.#reason === 'stop') stoppedAccepting();
  }
}
