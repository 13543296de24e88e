/** What a running fleet can be asked to become: reloaded, larger, smaller. One operation at a time. */

import type { SecureContextOptions } from 'node:tls';
import { stopsOrStopped } from '../common/errors.js';
import type { Log } from '../common/log.js';
import type { Settings } from '../options/settings.js';
import type { Releases } from '../system/releases/releases.js';
import type { ReloadResult } from '../types.js';
import { Rollout } from './rollout.js';
import { notStarted } from './workers/boot-failure.js';
import type { Replacement, Slots } from './workers/slots.js';
import { readyInTime, type Start, type Starter } from './workers/starter.js';
import type { Stays } from './workers/stays.js';
import type { WorkerHandle } from './workers/worker-handle.js';

export interface OperationsContext {
  readonly settings: Pick<Settings, 'tls' | 'maxSurge'>;
  readonly log: Log;
  readonly slots: Slots;
  readonly stays: Stays;
  readonly starter: Starter;
  readonly releases: Releases;
  /** There will be so many slots: opens what they need. Throws what keeps it from that. */
  grow(slots: number): void;
  /** No process came to be in a slot that was added: the recovery fills it. */
  startFailed(handle: WorkerHandle, error: unknown): void;
  /** The worker of a slot that was added was not ready in time and may not be killed. */
  stuck(handle: WorkerHandle): void;
  /** Why the fleet is ending: nothing is begun any more. */
  ending(): { readonly error: unknown } | undefined;
  /** Called at both ends of every reload, with its verdict at the second. */
  reloading(result?: ReloadResult): void;
}

export class Operations {
  readonly #context: OperationsContext;
  /** Settles when the operation that runs, and those that wait, are over. */
  #tail: Promise<unknown> = Promise.resolve();
  /** A reload that has not begun yet: everybody who asks meanwhile gets this one. */
  #waiting: Promise<ReloadResult> | undefined;
  #generation = 0;
  /** The reload that runs. */
  #rollout: Rollout | undefined;
  /** Whether the latest reload may have brought new code. */
  #followed = true;

  constructor(context: OperationsContext) {
    this.#context = context;
  }

  /** How many reloads the code that serves is away from the first start. */
  get generation(): number {
    return this.#generation;
  }

  #enqueue<T>(operation: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(operation);
    this.#tail = turn.catch(() => {}).then(() => this.#context.slots.warnOfDrains(false));
    return turn;
  }

  /** Never rejects: the verdict is in the result. Asked for again while one runs, one more follows it, however often. */
  reload(): Promise<ReloadResult> {
    this.#waiting ??= this.#enqueue(() => {
      this.#waiting = undefined;
      return this.#reload();
    });
    return this.#waiting;
  }

  /** A worker ended by itself. */
  lost(handle: WorkerHandle): void {
    this.#rollout?.lost(handle);
  }

  async #reload(): Promise<ReloadResult> {
    const { settings, log, slots, stays } = this.#context;
    if (this.#context.ending() !== undefined) return this.#verdict([], 0, this.#stopped());
    const generation = this.#generation + 1;
    log.info(`reloading: generation ${generation}, ${slots.count} ${slots.count === 1 ? 'worker' : 'workers'}`, {
      event: 'reload',
      generation,
    });
    this.#context.reloading();
    const { maxSurge } = settings;
    const begun = performance.now();
    const rollout = new Rollout({ log, slots, stays, maxSurge, generation, stopped: () => this.#stopped() });
    this.#rollout = rollout;
    const failure = await this.#rollOut(rollout, generation).catch((error: Error) => error);
    this.#rollout = undefined;
    const result = this.#verdict(rollout.replaced, performance.now() - begun, failure);
    slots.warnOfDrains(true);
    this.#context.reloading(result);
    return result;
  }

  async #rollOut(rollout: Rollout, generation: number): Promise<Error | undefined> {
    const { settings, starter, releases } = this.#context;
    this.#followed = releases.begin(generation, this.#generation);
    if (settings.tls !== undefined) {
      // Loaded late, as at the start.
      const { loadTls } = await import('./tls.js');
      starter.prepare(
        generation,
        await loadTls({ ...releases.tls(generation, settings.tls), ...keptKeys(starter.tls) }),
      );
    }
    const failure = await rollout.run();
    starter.decide(failure === undefined);
    if (failure === undefined) this.#generation = generation;
    else if (this.#context.ending() === undefined) await rollout.undo(this.#generation);
    return failure;
  }

  #verdict(replaced: ReloadResult['replaced'], tookMs: number, error: Error | undefined): ReloadResult {
    const { log } = this.#context;
    const generation = this.#generation;
    const took = Math.round(tookMs);
    if (error === undefined) {
      const what = this.#followed ? 'reloaded' : 'restarted on the release of before';
      log.info(`${what}: generation ${generation}, in ${took} ms`, { event: 'reload', generation, ok: true, took });
      return { ok: true, generation, replaced };
    }
    log.error(
      `reload failed, ${replaced.length} of ${this.#context.slots.count} workers were replaced, the others go on: ${error.message}`,
      { event: 'reload', ok: false, took, error },
    );
    return { ok: false, generation, replaced, error };
  }

  /**
   * Resolves when every slot that was added has a worker that has stayed, or the workers of those taken away drain.
   * @throws the boot failure of the first new worker that did not; its slot stays and is recovered.
   */
  scale(workers: (now: number) => number): Promise<void> {
    return this.#enqueue(async () => {
      const { slots, log } = this.#context;
      if (this.#context.ending() !== undefined) throw this.#stopped();
      const target = workers(slots.count);
      if (target !== slots.count)
        log.info(`scaling from ${slots.count} to ${target} workers`, { event: 'scale', workers: target });
      this.#context.grow(target);
      while (slots.count > target) slots.removeLast();
      const starts = [];
      while (slots.count < target) starts.push(slots.fill({ slot: slots.add(), generation: this.#generation }));
      // All of them, before the next operation: what is still booting belongs to this one.
      const outcomes = await Promise.allSettled(starts.map((start) => this.#mustServe(start)));
      const failed = outcomes.find((outcome) => outcome.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    });
  }

  /** Replaces one worker that has had enough; `undefined` when that has happened already, or the fleet ends. */
  recycle(handle: WorkerHandle, reason: string): Promise<Replacement | undefined> {
    return this.#enqueue(async () => {
      const { slots, stays, log } = this.#context;
      if (this.#context.ending() !== undefined || !slots.serves(handle)) return undefined;
      log.info(`${handle} is recycled: ${reason}`, { event: 'recycle', worker: handle.info, reason });
      const { slot, generation } = handle.place;
      const place = { slot, generation: Math.max(generation, this.#generation) };
      return await slots.replace(place, (candidate) => stays.onTrial(candidate));
    });
  }

  /** @throws why the worker of a slot that was added does not serve. The slot is recovered in any case. */
  async #mustServe(start: Start): Promise<void> {
    const { ending, startFailed, stuck, stays } = this.#context;
    // Perhaps long after this: one that is stuck ends at last, and the next attempt brings no process.
    start.ready.catch((error: unknown) => {
      if (ending() === undefined) startFailed(start.handle, error);
    });
    void start.stuck.then(() => stuck(start.handle));
    const serves = await readyInTime(start).catch((error: unknown) => {
      throw notStarted(start.handle.place.slot, error);
    });
    const { handle } = start;
    if (serves && (await stays.till(handle))) return;
    throw (handle.life.requested ? undefined : handle.failure) ?? this.#stopped();
  }

  #stopped(): Error {
    return stopsOrStopped(this.#context.ending()?.error);
  }
}

/** Sessions survive a reload: what the workers have in common stays, whatever the certificate. */
function keptKeys(material: SecureContextOptions | undefined): SecureContextOptions {
  const { ticketKeys, sessionIdContext } = material ?? {};
  return { ...(ticketKeys && { ticketKeys }), ...(sessionIdContext && { sessionIdContext }) };
}
