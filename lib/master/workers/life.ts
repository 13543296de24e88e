/**
 * The life of one worker as its master knows it: which state it is in, and why it is to end. Pure; {@link WorkerHandle} reports the facts.
 * A fact that cannot follow the ones before is refused: the method returns false, and nothing changes.
 */

import type { WorkerExit } from '../../common/errors.js';
import type { WorkerState } from '../../types.js';

/** The states that can follow a state. */
const NEXT: Readonly<Record<WorkerState, readonly WorkerState[]>> = {
  starting: ['ready', 'draining', 'exited'],
  ready: ['draining', 'exited'],
  draining: ['exited'],
  exited: [],
};

/** Why a worker is to end: a signal that the master did not send, a request of the master, or a fault for which the master kills it. */
type End =
  | { readonly by: 'signal'; readonly signal: NodeJS.Signals }
  | { readonly by: 'master' }
  /** `because`: words that follow the name of the worker. `before`: why it was to end already. */
  | { readonly by: 'kill'; readonly because: string; readonly before: End | undefined };

/**
 * A signal to the whole process group reaches workers and master in any order:
 *     kernel: SIGINT → worker      SIGINT → master
 *     master:          exit seen                    signal handler runs
 * An exit that may belong to such a stop is judged this much later, and as long after its beginning a drain is that of one worker alone.
 * Milliseconds.
 */
export const GROUP_RACE = 100;

export class Life {
  /** Milliseconds on a monotonic clock. */
  readonly #now: () => number;
  #state: WorkerState = 'starting';
  #end: End | undefined;
  #exit: WorkerExit | undefined;
  #readyAt: Date | undefined;
  /** From when to when the worker was ready, on that clock. */
  #readySince: number | undefined;
  #readyUntil: number | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  get state(): WorkerState {
    return this.#state;
  }

  get readyAt(): Date | undefined {
    return this.#readyAt;
  }

  /** Whether the worker ever became ready: a worker that ends before that is a boot failure. */
  get booted(): boolean {
    return this.#readyAt !== undefined;
  }

  /** Milliseconds that the worker has been ready, or was ready until it drained or ended. */
  get readyFor(): number {
    if (this.#readySince === undefined) return 0;
    return (this.#readyUntil ?? this.#now()) - this.#readySince;
  }

  /** Whether the master asked for the end, perhaps before it had to kill the worker. */
  get requested(): boolean {
    return (this.#end?.by === 'kill' ? this.#end.before : this.#end)?.by === 'master';
  }

  /** The signal that made the worker drain, and that the master did not send; until the master asks for the end, too. */
  get drainedBy(): NodeJS.Signals | undefined {
    const end = this.#end?.by === 'kill' ? this.#end.before : this.#end;
    return end?.by === 'signal' ? end.signal : undefined;
  }

  /** Why the master kills the worker, in words that follow its name. */
  get killedBecause(): string | undefined {
    return this.#end?.by === 'kill' ? this.#end.because : undefined;
  }

  get exit(): WorkerExit | undefined {
    return this.#exit;
  }

  becomeReady(): boolean {
    if (!this.#become('ready')) return false;
    this.#readyAt = new Date();
    this.#readySince = this.#now();
    return true;
  }

  /** The worker finishes its connections. */
  drain(): boolean {
    return this.#become('draining');
  }

  /** The master wants the worker to end. */
  request(): boolean {
    if (this.#state === 'exited' || this.requested) return false;
    const end: End = { by: 'master' };
    this.#end = this.#end?.by === 'kill' ? { ...this.#end, before: end } : end;
    return true;
  }

  /** A signal that the master did not send makes the worker end. False: the master asked for that already, or knows of a signal. */
  signal(signal: NodeJS.Signals): boolean {
    if (this.#state === 'exited' || this.#end !== undefined) return false;
    this.#end = { by: 'signal', signal };
    return true;
  }

  /** The master kills the worker for a fault of its own. False: it does already. */
  kill(because: string): boolean {
    if (this.#state === 'exited' || this.#end?.by === 'kill') return false;
    this.#end = { by: 'kill', because, before: this.#end };
    return true;
  }

  /** The master may not kill the worker, which lives on. */
  spare(): boolean {
    if (this.#state === 'exited' || this.#end?.by !== 'kill') return false;
    this.#end = this.#end.before;
    return true;
  }

  /** The process has been reaped. */
  end(exit: WorkerExit): boolean {
    if (!this.#become('exited')) return false;
    this.#exit = exit;
    return true;
  }

  #become(state: WorkerState): boolean {
    if (!NEXT[this.#state].includes(state)) return false;
    this.#state = state;
    if (state !== 'ready') this.#readyUntil ??= this.#now();
    return true;
  }
}
