/** The supervision state machine: start, exits and what follows from them, stop. Runs in the master only. */

import { deferred } from './deferred.js';
import type { WorkerExit } from './errors.js';
import { PreforkError, stoppedEarly } from './errors.js';
import { exitAdvice, mayBelongToStop } from './exit-advice.js';
import { HookQueue } from './hook-queue.js';
import type { Host } from './host.js';
import type { OpenListener } from './listeners.js';
import { closeListeners } from './listeners.js';
import { makeLog, showAddress } from './log.js';
import { Naps } from './naps.js';
import type { Settings } from './options.js';
import { Recoveries } from './recoveries.js';
import { ShutDown } from './shut-down.js';
import type { InstalledSignals } from './signals.js';
import { installSignals } from './signals.js';
import type { Start } from './starter.js';
import { Starter } from './starter.js';
import type { ExitInfo, FleetState, ListenerAddress, Logger, QueueStatus, Status, WorkerInfo } from './types.js';
import type { WorkerHandle } from './worker-handle.js';
import { bootFailure, describeExit } from './worker-handle.js';

/**
 * A signal to the whole process group reaches workers and master in any order:
 *     kernel: SIGINT → worker      SIGINT → master
 *     master:          exit seen                    signal handler runs
 * An exit that may belong to such a stop is judged this much later, in milliseconds.
 */
const STOP_RACE = 100;

/** A hook that takes longer is told of, in milliseconds. */
const SLOW_HOOK = 10_000;

/** For observers, who must not be able to stop the fleet. */
export interface MasterEvents {
  spawn(pid: number, worker: WorkerInfo): void;
  ready(pids: number[]): void;
  exit(worker: WorkerInfo, exit: ExitInfo): void;
  recover(oldPid: number, newPid: number): void;
  message(worker: WorkerInfo, data: unknown): void;
  stop(error: unknown): void;
}

export class Master {
  readonly #settings: Settings;
  readonly #host: Host;
  readonly #events: MasterEvents;
  readonly #log: Logger;
  readonly #hooks = new HookQueue();
  readonly #naps: Naps;
  readonly #recoveries: Recoveries;
  readonly #shutDown: ShutDown;
  readonly #workers = new Set<WorkerHandle>();
  /** Settles when `onMasterReady` has run: no exit is judged before. */
  readonly #allReady = deferred();
  readonly #finished = deferred();
  #listeners: readonly OpenListener[] = [];
  #signals: InstalledSignals | undefined;
  #stopReaping: (() => void) | undefined;
  #starter: Starter | undefined;
  #state: FleetState = 'starting';
  #generation = 0;
  #starting: Promise<void> | undefined;
  /** Set once, by whatever ends the fleet first; later reasons are consequences. */
  #ending: { readonly error: unknown } | undefined;

  constructor(settings: Settings, host: Host, events: MasterEvents) {
    this.#settings = settings;
    this.#host = host;
    this.#events = events;
    this.#log = makeLog(settings.logger, `prefork[${settings.name}] master ${host.pid}`);
    this.#naps = new Naps(host);
    this.#shutDown = new ShutDown(host, this.#log, this.#workers);
    this.#recoveries = new Recoveries({
      settings: settings.recovery,
      host,
      naps: this.#naps,
      giveUpWithin: settings.readyTimeout,
      log: this.#log,
      fill: (slot) => this.#fill(slot),
      recovered: async (old, handle) => {
        if (await this.#hook('onChildRecover', old.pid, handle.pid)) events.recover(old.pid, handle.pid);
      },
      giveUp: (error) => this.#end(error),
    });
  }

  /** Settles when everything is over: fulfilled after a requested stop, rejected with what ended the fleet otherwise. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  get addresses(): readonly ListenerAddress[] {
    return this.#listeners.map((listener) => listener.address);
  }

  get workers(): readonly WorkerInfo[] {
    return [...this.#workers].map((handle) => handle.info).sort((a, b) => a.slot - b.slot);
  }

  status(): Status {
    return {
      pid: this.#host.pid,
      state: this.#state,
      generation: this.#generation,
      sharing: this.#settings.sharing,
      addresses: this.addresses,
      workers: this.workers.map((worker) => ({ ...worker })),
      recoveries: this.#recoveries.count,
      queues: this.#queues(),
    };
  }

  #queues(): QueueStatus[] {
    // The listeners are closed: their descriptors are nobody's, or somebody else's by now.
    if (this.#state === 'stopped') return [];
    return this.#listeners.flatMap((listener) => {
      const queue = this.#host.queueDepth(listener);
      return queue === undefined ? [] : [{ name: listener.address.name, ...queue }];
    });
  }

  broadcast(data: unknown): void {
    for (const handle of this.#workers) handle.send(data);
  }

  /** @throws what kept the fleet from starting, after everything that had been started is gone again. */
  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  async #start(): Promise<void> {
    try {
      if (this.#ending === undefined) await this.#shutDown.waitsFor(this.#open());
      if (this.#ending === undefined) await this.#firstWorkers();
      if (this.#ending === undefined) return;
    } catch (error) {
      this.#end(error);
    }
    await this.finished;
    throw stoppedEarly();
  }

  async #open(): Promise<void> {
    const settings = this.#settings;
    const host = this.#host;
    const log = this.#log;
    if (settings.sharing !== 'shared' && !host.features.reuseport) throw reuseportUnsupported(settings, host);
    if (settings.signals) this.#signals = installSignals(host, log, this);
    this.#stopReaping = host.reapStrangers();
    this.#listeners = await host.openListeners(settings.listen, settings.sharing, log);
    // A name server took longer than the whole stop: nobody else closes them any more.
    if (this.#state === 'stopped') return closeListeners(this.#listeners);
    // After the addresses: fleets of one program share the sockets of the service manager, and a slow one must not find them gone.
    // Loaded late: node:tls and node:crypto would cost every master a megabyte.
    const tls =
      settings.tls === undefined ? undefined : await (await import('./tls-material.js')).loadTls(settings.tls);
    this.#starter = new Starter({
      settings,
      host,
      log,
      naps: this.#naps,
      listeners: this.#listeners,
      tls,
      message: (handle, data) => this.#events.message(handle.info, data),
      spawned: (handle) => this.#onSpawn(handle),
      exited: (handle, exit) => void this.#onExit(handle, exit),
    });
  }

  /** Whatever keeps one of them from becoming ready ends the fleet. */
  async #firstWorkers(): Promise<void> {
    const starts = Array.from({ length: this.#settings.workers }, (_, slot) => this.#fill(slot));
    const outcomes = starts.map(({ ready }, slot) => ready.catch((error) => this.#end(notStarted(slot, error))));
    await Promise.all(outcomes);
    if (this.#ending !== undefined) return;
    const pids = starts.map(({ handle }) => handle.pid);
    this.#log.info(
      `${pids.length} ${pids.length === 1 ? 'worker is' : 'workers are'} ready on ${this.addresses.map(showAddress).join(', ')}`,
    );
    await this.#hook('onMasterReady', pids);
    if (this.#ending !== undefined) return;
    this.#state = 'running';
    this.#events.ready(pids);
    this.#allReady.resolve();
  }

  #fill(slot: number): Start {
    const start = (this.#starter as Starter).start({ slot, generation: this.#generation });
    this.#shutDown.waitsFor(start.ready);
    return start;
  }

  /** True when the hook ran; what it throws ends the fleet. */
  async #hook<Name extends 'onChildSpawn' | 'onMasterReady' | 'onChildRecover'>(
    name: Name,
    ...args: Parameters<NonNullable<Settings['hooks'][Name]>>
  ): Promise<boolean> {
    const hook = this.#settings.hooks[name] as ((...args: unknown[]) => unknown) | undefined;
    const slow = this.#host.after(SLOW_HOOK, () =>
      this.#log.warn(`${name} has not settled for ${SLOW_HOOK} ms, and the hooks behind it wait; a stop does not`),
    );
    try {
      return (await this.#hooks.run(name, () => hook?.(...args))) === 'done';
    } catch (error) {
      this.#end(error);
      return false;
    } finally {
      slow.cancel();
    }
  }

  #onSpawn(handle: WorkerHandle): Promise<boolean> {
    this.#workers.add(handle);
    this.#log.info(`${handle} spawned`);
    this.#events.spawn(handle.pid, handle.info);
    this.#shutDown.admit(handle);
    return this.#hook('onChildSpawn', handle.pid, handle.info);
  }

  async #onExit(handle: WorkerHandle, exit: WorkerExit): Promise<void> {
    const late = handle.drainedBy !== undefined || mayBelongToStop(exit);
    if (late && !handle.requested) await this.#naps.sleep(STOP_RACE);
    const requested = handle.requested || this.#ending !== undefined;
    this.#workers.delete(handle);
    this.#shutDown.check();
    this.#reportExit(handle, exit, requested);
    if (requested) return;
    if (handle.booted || this.#state === 'running')
      await this.#allReady.promise.then(() => this.#recoveries.judge(handle, exit));
    else this.#end(bootFailure(handle, exit));
  }

  #reportExit(handle: WorkerHandle, exit: WorkerExit, requested: boolean): void {
    const { code, signal } = exit;
    const what = `${handle} ${describeExit(exit)} after ${exit.uptime} ms`;
    if (requested) this.#log.info(what);
    else this.#log.error(`${what}${exitAdvice(exit, handle.drainedBy)}`);
    this.#events.exit(handle.info, { code, signal, requested });
    // An async function fits the type as well, and its rejection would end the master.
    const told = new Promise<void>((resolve) => {
      resolve(this.#settings.hooks.onChildExit?.(handle.info, { code, signal, requested }));
    });
    told.catch((error) => this.#log.error(`onChildExit failed: ${String(error)}`));
  }

  /** Drains every worker, kills what is left after `grace` ms, closes the listeners. Called again it can only be quicker. */
  stop(grace: number = this.#settings.gracePeriod): Promise<void> {
    this.#end(undefined, grace);
    return this.#finished.promise.catch(() => {});
  }

  stopNow(): Promise<void> {
    return this.stop(0);
  }

  #end(error: unknown, grace: number = this.#settings.gracePeriod): void {
    if (this.#ending !== undefined) {
      void this.#shutDown.run(grace);
      return;
    }
    this.#ending = { error };
    this.#state = 'stopping';
    if (error === undefined) this.#log.info('stopping');
    else this.#log.error(`stopping, because ${error instanceof Error ? error.message : String(error)}`);
    this.#naps.end();
    this.#recoveries.end();
    this.#hooks.close();
    void this.#shutDown.run(grace).then(() => this.#over(error));
  }

  #over(error: unknown): void {
    // Only now: while a worker may still accept, nothing that the kernel has queued may be reset.
    closeListeners(this.#listeners);
    this.#stopReaping?.();
    this.#state = 'stopped';
    this.#log.info('stopped');
    const echo = this.#signals?.echo() ?? 0;
    if (echo > 0) this.#host.after(echo, () => this.#settle(error));
    else this.#settle(error);
  }

  #settle(error: unknown): void {
    this.#signals?.off();
    if (error === undefined) this.#finished.resolve();
    else this.#finished.reject(error);
    this.#events.stop(error);
  }
}

function notStarted(slot: number, error: unknown): PreforkError {
  if (error instanceof PreforkError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new PreforkError('ERR_PREFORK_BOOT_FAILED', `The worker of slot ${slot} could not be started: ${reason}`, {
    cause: error,
  });
}

function reuseportUnsupported({ sharing }: Settings, { features }: Host): PreforkError {
  const reason = features.reasons['reuseport'] ?? 'the kernel does not balance between sockets';
  return new PreforkError(
    'ERR_PREFORK_REUSEPORT_UNSUPPORTED',
    `sharing: '${sharing}' is not possible on ${process.platform}: ${reason}; use 'shared', which works everywhere`,
  );
}
