/** Ends every worker: ask, wait, kill, reap. No worker is left behind, and no code of the user can delay it. */

import { deferred } from '../common/deferred.js';
import type { Log } from '../common/log.js';
import { MASTER_KILLS_MS } from '../protocol/deadlines.js';
import type { System, Timer } from '../system/system.js';
import { Ending } from './workers/ending.js';
import type { WorkerHandle } from './workers/worker-handle.js';

/** How long a killed process may take to be reaped (uninterruptible sleep, no permission). */
const REAP_LIMIT_MS = 5_000;

export class ShutDown {
  readonly #system: System;
  readonly #log: Log;
  readonly #workers: ReadonlySet<WorkerHandle>;
  /** Starts that are under way: what they bring must be ended too. */
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #done = deferred();
  /** Set while the fleet stops. */
  #ending: Ending | undefined;
  #reaping: Timer | undefined;
  #killed = false;
  #sealed = false;
  readonly #unattended: () => void;

  /** @param unattended Called when no worker accepts any more, and none will. Perhaps more than once. */
  constructor(system: System, log: Log, workers: ReadonlySet<WorkerHandle>, unattended: () => void) {
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
    if (this.#killed) this.#ending?.kill(handle);
    else this.#ending?.ask(handle, this.#sealed);
  }

  /**
   * Asks every worker to finish within `grace` ms; resolves when all are gone. Called again it can only shorten the wait.
   * @param sealed The listeners refuse new connections.
   */
  run(grace: number, sealed = false): Promise<void> {
    this.#sealed ||= sealed;
    const before = this.#ending;
    if (!this.#killed && (before === undefined || grace < before.remaining)) {
      before?.cancel();
      this.#ending = new Ending({
        system: this.#system,
        log: this.#log,
        reason: 'stop',
        timeout: grace,
        margin: grace === 0 ? 0 : MASTER_KILLS_MS,
        late: 'did not finish in time and was killed',
        over: () => this.#killAll(),
      });
      if (grace === 0) this.#killAll();
      else
        for (const handle of this.#workers) {
          if (before === undefined) this.#ending.ask(handle, this.#sealed);
          else this.#ending.hasten(handle, this.#sealed);
        }
    }
    this.check();
    return this.#done.promise;
  }

  /** To be called when a worker has been reaped, or accepts no more. */
  check(): void {
    if (this.#ending === undefined) return;
    const attended = this.#underWay.size > 0 || [...this.#workers].some(({ accepts }) => accepts);
    if (!attended) this.#unattended();
    if (this.#workers.size > 0) return;
    // A commandProducer that never settles is not waited for beyond the grace period.
    if (this.#underWay.size > 0 && !this.#killed) return;
    this.#ending.cancel();
    this.#reaping?.cancel();
    this.#done.resolve();
  }

  #killAll(): void {
    if (this.#killed) return;
    this.#killed = true;
    this.#ending?.cancel();
    for (const handle of this.#workers) this.#ending?.kill(handle);
    this.#reaping = this.#system.after(REAP_LIMIT_MS, () => this.#giveUp());
    this.check();
  }

  #giveUp(): void {
    for (const handle of this.#workers) {
      this.#log.error(
        `${handle} is still there ${REAP_LIMIT_MS} ms after SIGKILL; the master does not wait any longer`,
        { event: 'kill', worker: handle.info },
      );
      handle.letGo();
    }
    this.#done.resolve();
  }
}
