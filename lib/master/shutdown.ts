/** Ends every worker: ask, wait, kill, reap. No worker is left behind, and no code of the user can delay it. */

import { deferred } from '../common/deferred.js';
import { MASTER_KILLS_MS } from '../protocol/deadlines.js';
import type { System, Timer } from '../system/system.js';
import type { Logger } from '../types.js';
import type { WorkerHandle } from './workers/worker-handle.js';

/** How long a killed process may take to be reaped (uninterruptible sleep, no permission), in milliseconds. */
const REAP_LIMIT = 5_000;

export class ShutDown {
  readonly #system: System;
  readonly #log: Logger;
  readonly #workers: ReadonlySet<WorkerHandle>;
  /** Starts that are under way: what they bring must be ended too. */
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #done = deferred();
  #deadline: number | undefined;
  #timer: Timer | undefined;
  #killed = false;
  #sealed = false;
  readonly #unattended: () => void;

  /** @param unattended Called when no worker accepts any more, and none will. Perhaps more than once. */
  constructor(system: System, log: Logger, workers: ReadonlySet<WorkerHandle>, unattended: () => void) {
    this.#unattended = unattended;
    this.#system = system;
    this.#log = log;
    this.#workers = workers;
  }

  /** The shutdown is not over before `work` has settled. */
  waitsFor<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work);
    const over = () => {
      this.#underWay.delete(work);
      this.check();
    };
    work.then(over, over);
    return work;
  }

  /** A worker that appears while the fleet stops. */
  admit(handle: WorkerHandle): void {
    if (this.#deadline === undefined) return;
    if (this.#killed) this.#kill(handle);
    else this.#ask(handle);
  }

  /**
   * Asks every worker to finish within `grace` ms; resolves when all are gone. Called again it can only shorten the wait.
   * @param sealed The listeners refuse new connections.
   */
  run(grace: number, sealed = false): Promise<void> {
    this.#sealed ||= sealed;
    const deadline = this.#system.now() + grace;
    if (this.#deadline === undefined || deadline < this.#deadline) {
      const first = this.#deadline === undefined;
      this.#deadline = deadline;
      this.#timer?.cancel();
      this.#timer = this.#system.after(grace === 0 ? 0 : grace + MASTER_KILLS_MS, () => this.#killAll());
      if (first && grace > 0) for (const handle of this.#workers) this.#ask(handle);
      if (grace === 0) this.#killAll();
    }
    this.check();
    return this.#done.promise;
  }

  /** To be called when a worker has been reaped, or accepts no more. */
  check(): void {
    if (this.#deadline === undefined) return;
    const attended = this.#underWay.size > 0 || [...this.#workers].some(({ accepts }) => accepts);
    if (!attended) this.#unattended();
    if (this.#workers.size > 0) return;
    // A commandProducer that never settles is not waited for beyond the grace period.
    if (this.#underWay.size > 0 && !this.#killed) return;
    this.#timer?.cancel();
    this.#done.resolve();
  }

  #ask(handle: WorkerHandle): void {
    handle.drain('stop', Math.max(0, (this.#deadline as number) - this.#system.now()), this.#sealed);
  }

  #killAll(): void {
    if (this.#killed) return;
    this.#killed = true;
    this.#timer?.cancel();
    for (const handle of this.#workers) this.#kill(handle);
    this.#timer = this.#system.after(REAP_LIMIT, () => this.#giveUp());
    this.check();
  }

  #kill(handle: WorkerHandle): void {
    if (handle.end() === true) this.#log.warn(`${handle} did not finish in time and was killed`);
  }

  #giveUp(): void {
    for (const handle of this.#workers) {
      this.#log.error(`${handle} is still there ${REAP_LIMIT} ms after SIGKILL; the master does not wait any longer`);
      handle.letGo();
    }
    this.#done.resolve();
  }
}
