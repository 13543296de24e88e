/** From an unrequested exit to the filled slot, or to the end of the fleet. */

import type { WorkerExit } from '../common/errors.js';
import { PreforkError } from '../common/errors.js';
import { isError, reasonOf } from '../common/in-words.cjs';
import type { Log } from '../common/log.js';
import { isSystemError } from '../common/system-error.js';
import type { RecoverySettings } from '../options/settings.js';
import type { System } from '../system/system.js';
import { type Ended, RecoveryPolicy } from './recovery-policy.js';
import { describeExit, firstLine } from './workers/boot-failure.js';
import type { Delays } from './workers/delays.js';
import type { Slots } from './workers/slots.js';
import type { Start } from './workers/starter.js';
import type { Stays } from './workers/stays.js';
import type { WorkerHandle } from './workers/worker-handle.js';

/** How many exits an over-recovery error quotes. */
const EVIDENCE = 32;

export interface RecoveryContext {
  readonly settings: RecoverySettings;
  readonly system: Pick<System, 'now'>;
  readonly delays: Delays;
  /** Milliseconds that running recoveries may take before the fleet gives up nevertheless. */
  readonly giveUpWithin: number;
  readonly log: Log;
  readonly slots: Slots;
  readonly stays: Stays;
  /** The last generation that is known to work: of a reload that failed, or may yet, what serves stays, and what ended was no good. */
  generation(): number;
  /** A replacement is ready; settles when the hooks have run. */
  recovered(old: WorkerHandle, replacement: WorkerHandle): Promise<void>;
  /** The fleet has to end with this error. */
  giveUp(error: PreforkError): void;
}

export class Recovery {
  readonly #context: RecoveryContext;
  readonly #policy: RecoveryPolicy;
  /** Allowed, and not come to an end yet. */
  readonly #running = new Set<Promise<void>>();
  #evidence: WorkerExit[] = [];
  #givingUp = false;
  #over = false;
  #count = 0;

  constructor(context: RecoveryContext) {
    this.#context = context;
    this.#policy = new RecoveryPolicy(context.settings);
  }

  /** Slots that were filled again. */
  get count(): number {
    return this.#count;
  }

  /** The fleet stops: nothing is judged any more. */
  end(): void {
    this.#over = true;
  }

  /**
   * Judges one exit; to be called in the order of the exits. Allowed recoveries run in parallel.
   * @param cause What is known beyond the exit.
   */
  judge(handle: WorkerHandle, exit: WorkerExit, cause: unknown = handle.bootCause): void {
    if (this.#over) return;
    const { settings, system, log, stays } = this.#context;
    const { slot } = handle.place;
    const ended: Ended = exit.pid === 0 ? 'spawn' : stays.has(handle) ? 'late' : 'early';
    const loss = { slot, uptime: exit.uptime, ended, othersServe: this.#othersServe(slot, ended) };
    const verdict = this.#policy.judge(loss, system.now());
    this.#evidence = [...this.#evidence.slice(1 - EVIDENCE), exit];
    const count =
      verdict.count === 0
        ? 'not counted, because other slots serve'
        : `exit ${verdict.count} of ${settings.threshold} allowed within ${settings.window} ms`;
    if (verdict.kind === 'give-up') {
      log.error(`slot ${slot} is not filled again: ${count}`, { event: 'recover', slot, reason: count });
      void this.#giveUp(cause);
      return;
    }
    log.warn(`slot ${slot} is filled again ${verdict.delay === 0 ? 'at once' : `in ${verdict.delay} ms`}: ${count}`, {
      event: 'recover',
      slot,
      reason: count,
    });
    this.#run(this.#recover(handle, verdict.delay));
  }

  #run(work: Promise<void>): void {
    const recovery = work.finally(() => this.#running.delete(recovery));
    this.#running.add(recovery);
  }

  /** Recoveries that were allowed before come to their end first, hooks included. */
  async #giveUp(cause: unknown): Promise<void> {
    if (this.#givingUp) return;
    this.#givingUp = true;
    // Bounded: a hook that never settles must not leave a fleet without workers that looks alive.
    const { delays, giveUpWithin } = this.#context;
    await Promise.race([Promise.all(this.#running), delays.sleep(giveUpWithin)]);
    const { threshold, window } = this.#context.settings;
    this.#context.giveUp(
      new PreforkError(
        'ERR_PREFORK_OVER_RECOVERY',
        `Workers exited more than ${threshold} times within ${window} ms (recoverThreshold, recoverWindow); the last one ` +
          howItEnded(this.#evidence.at(-1) as WorkerExit, cause),
        { exits: this.#evidence, ...(cause === undefined ? {} : { cause }) },
      ),
    );
  }

  async #recover(old: WorkerHandle, delay: number): Promise<void> {
    const { delays, slots, generation } = this.#context;
    if (delay > 0 && !(await delays.sleep(delay))) return;
    // Meanwhile the fleet was reloaded, or scaled down; a reload that fails yet hands it back.
    if (this.#over || !slots.claim(old.place.slot, () => this.#run(this.#recover(old, 0)))) return;
    const start = slots.fill({ slot: old.place.slot, generation: generation() });
    // One that is stuck may never come to its end: a fleet that gives up does not wait for it.
    await Promise.race([this.#takesOver(start, old), start.stuck.then(() => this.stuck(start.handle))]);
  }

  async #takesOver(start: Start, old: WorkerHandle): Promise<void> {
    const { log } = this.#context;
    try {
      // When it ends before it is ready, its own exit is judged.
      if (!(await start.ready)) return;
    } catch (error) {
      // The user's own code is what failed, unless that could not start a process either. It costs a slot, not the workers that serve.
      const own = error instanceof PreforkError && !isSystemError(error.cause);
      const { slot } = old.place;
      this.#unlessFilled(slot, () => {
        if (own && !this.#othersServe(slot, 'spawn')) this.#context.giveUp(error);
        else this.#judgeStart(start.handle, error);
      });
      return;
    }
    this.#count++;
    log.info(`${start.handle} took over from pid ${old.pid}`, {
      event: 'recover',
      worker: start.handle.info,
      slot: old.place.slot,
      oldPid: old.pid,
    });
    const told = this.#context.recovered(old, start.handle);
    // One that was stuck is not waited for any more, but its hook is.
    this.#run(told);
    await told;
  }

  /** Whether the fleet serves although a slot does not. */
  #othersServe(slot: number, ended: Ended): boolean {
    const { slots, stays } = this.#context;
    return slots.othersServe(slot, (handle) => ended === 'spawn' || stays.has(handle));
  }

  /** A worker that was to fill a slot was not ready in time and may not be killed. */
  stuck(handle: WorkerHandle): void {
    if (this.#givingUp) return;
    this.#context.log.warn(`${handle} keeps its slot until it is ready after all, or ends by itself`, {
      event: 'recover',
      worker: handle.info,
      slot: handle.place.slot,
    });
  }

  /** No process came to be. */
  startFailed(handle: WorkerHandle, error: unknown): void {
    this.#unlessFilled(handle.place.slot, () => this.#judgeStart(handle, error));
  }

  /** Another worker may boot for the slot, or be on trial there: `failed` waits for its end, and is not called when that one takes it. */
  #unlessFilled(slot: number, failed: () => void): void {
    const due = (): void => {
      if (!this.#over) failed();
    };
    if (this.#context.slots.claim(slot, due)) due();
  }

  #judgeStart(handle: WorkerHandle, error: unknown): void {
    const reason = reasonOf(error);
    this.#context.log.error(`the worker of slot ${handle.place.slot} could not be started: ${reason}`, {
      event: 'spawn',
      worker: handle.info,
      error,
    });
    const exit = { pid: 0, ...handle.place, code: null, signal: null, uptime: 0, stderr: reason };
    this.judge(handle, exit, error);
  }
}

/** With what the worker said last: its error, or else the last line of its stderr. */
function howItEnded(exit: WorkerExit, cause: unknown): string {
  if (exit.pid === 0) return `could not be started: ${exit.stderr}`;
  const how = describeExit(exit);
  if (isError(cause)) return `${how}: ${firstLine(`${cause.name}: ${cause.message}`)}`;
  const last = exit.stderr.split('\n').at(-1) as string;
  return last === '' ? how : `${how}; its last line on stderr: ${last}`;
}
