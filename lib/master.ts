/** The supervision state machine: start, exits and what follows from them, stop. Runs in the master only. */

import { forMany } from './channel.js';
import { deferred } from './deferred.js';
import { closeDoors, sealDoors } from './doors.js';
import type { WorkerExit } from './errors.js';
import { stoppedEarly } from './errors.js';
import { Exits } from './exits.js';
import { firstWorkers } from './first-workers.js';
import { GroupSignals } from './group-signals.js';
import { HookRunner } from './hooks.js';
import type { Host } from './host.js';
import { reasonOf } from './in-words.cjs';
import type { OpenListener } from './listeners.js';
import { closeListeners } from './listeners.js';
import { makeLog, showAddress } from './log.js';
import { Naps } from './naps.js';
import { Operations } from './operations.js';
import type { Settings } from './options.js';
import { queueStatus } from './queues.js';
import { Recoveries } from './recoveries.js';
import { Releases } from './releases.js';
import { ShutDown } from './shut-down.js';
import type { InstalledSignals } from './signals.js';
import { installSignals } from './signals.js';
import { Slots } from './slots.js';
import type { Start } from './starter.js';
import { Starter } from './starter.js';
import { Stays } from './stays.js';
import { checkSupport } from './system-support.js';
import type {
  ExitInfo,
  FleetState,
  ListenerAddress,
  Logger,
  QueueStatus,
  ReloadResult,
  Status,
  WorkerInfo,
} from './types.js';
import { Watches } from './watches.js';
import type { WorkerHandle, WorkerPlace } from './worker-handle.js';
import { bootFailure } from './worker-handle.js';

/** For observers, who must not be able to stop the fleet. */
export interface MasterEvents {
  spawn(pid: number, worker: WorkerInfo): void;
  ready(pids: number[]): void;
  exit(worker: WorkerInfo, exit: ExitInfo): void;
  recover(oldPid: number, newPid: number): void;
  reload(result: ReloadResult): void;
  message(worker: WorkerInfo, data: unknown): void;
  stop(error: unknown): void;
}

export class Master {
  readonly #settings: Settings;
  readonly #host: Host;
  readonly #events: MasterEvents;
  readonly #log: Logger;
  readonly #hooks: HookRunner;
  readonly #naps: Naps;
  readonly #recoveries: Recoveries;
  readonly #slots: Slots;
  readonly #shutDown: ShutDown;
  readonly #exits: Exits;
  readonly #releases: Releases;
  readonly #watches = new Watches();
  readonly #workers = new Set<WorkerHandle>();
  readonly #groupSignals: GroupSignals;
  readonly #stays: Stays;
  /** Every worker of the first start was ready: from then on what ends is recovered. */
  #wereReady = false;
  /** Settles when `onMasterReady` has run. */
  readonly #told = deferred();
  readonly #finished = deferred();
  #listeners: readonly OpenListener[] = [];
  #signals: InstalledSignals | undefined;
  #stopReaping: (() => void) | undefined;
  #starter: Starter | undefined;
  #state: FleetState = 'starting';
  #operations: Operations | undefined;
  #starting: Promise<void> | undefined;
  /** Set once, by whatever ends the fleet first; later reasons are consequences. */
  #ending: { readonly error: unknown } | undefined;

  constructor(settings: Settings, host: Host, events: MasterEvents) {
    this.#settings = settings;
    this.#host = host;
    this.#events = events;
    this.#log = makeLog(settings.logger, `prefork[${settings.name}] master ${host.pid}`);
    this.#hooks = new HookRunner({ hooks: settings.hooks, host, log: this.#log, failed: (error) => this.#end(error) });
    this.#releases = new Releases(host.program, settings.launch, this.#log);
    this.#naps = new Naps(host);
    this.#groupSignals = new GroupSignals(host);
    this.#stays = new Stays(host, settings.readyFor);
    this.#exits = new Exits({
      log: this.#log,
      naps: this.#naps,
      hooks: this.#hooks,
      groupSignals: this.#groupSignals,
      ending: () => this.#ending !== undefined,
      tell: (worker, exit) => events.exit(worker, exit),
    });
    this.#shutDown = new ShutDown(host, this.#log, this.#workers, () => closeDoors(this.#listeners));
    this.#slots = new Slots({
      host,
      log: this.#log,
      drainTimeout: settings.drainTimeout,
      maxDraining: settings.maxDraining,
      start: (place) => this.#begin(place),
      again: async (handle) => this.#ending === undefined && (await handle.blameless),
      vacant: (handle, exit) => {
        this.#operations?.lost(handle);
        this.#recoveries.judge(handle, exit);
      },
    });
    this.#recoveries = new Recoveries({
      settings: settings.recovery,
      host,
      naps: this.#naps,
      giveUpWithin: settings.readyTimeout,
      log: this.#log,
      claim: (slot, duty) => this.#slots.claim(slot, duty),
      ended: (handle) => (this.#stays.has(handle) ? 'late' : 'early'),
      othersServe: (slot, ended) =>
        this.#slots.othersServe(slot, (handle) => ended === 'spawn' || this.#stays.has(handle)),
      // By the last generation that is known to work: of a reload that failed, or may yet, what serves stays, and what ended was no good.
      fill: ({ slot }) => this.#slots.fill({ slot, generation: this.#generation }),
      recovered: async (old, handle) => {
        if (await this.#hooks.run('onChildRecover', old.pid, handle.pid)) events.recover(old.pid, handle.pid);
      },
      giveUp: (error) => this.#end(error),
    });
  }

  /** Settles when everything is over: fulfilled after a requested stop, rejected with what ended the fleet otherwise. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  /** Whether something has ended the fleet: a signal, a failure, or {@link Master.stop}. */
  get ending(): boolean {
    return this.#ending !== undefined;
  }

  get addresses(): readonly ListenerAddress[] {
    return this.#listeners.map((listener) => listener.address);
  }

  get workers(): readonly WorkerInfo[] {
    return [...this.#workers].map((handle) => handle.info).sort((a, b) => a.slot - b.slot);
  }

  get #generation(): number {
    return this.#operations?.generation ?? 0;
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
    // The listeners are closed, or about to be: their descriptors are nobody's, or somebody else's by then.
    if (this.#ending !== undefined) return [];
    return queueStatus(this.#host, this.#listeners);
  }

  broadcast(data: unknown): number {
    const message = forMany(data);
    return [...this.#workers].filter((handle) => handle.send(data, message)).length;
  }

  /** @throws what kept the fleet from starting, after everything that had been started is gone again. */
  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#state === 'starting' ? this.#hooks.refuseInside('start()').then(() => this.#starting) : this.#starting;
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
    checkSupport(settings, host.features);
    if (settings.signals) {
      this.#signals = installSignals(host, log, this);
      this.#groupSignals.listen();
    }
    this.#stopReaping = host.reapStrangers();
    this.#listeners = await host.openListeners(settings.listen, settings.sharing, settings.workers, log);
    // A name server took longer than the whole stop: nobody else closes them any more.
    if (this.#state === 'stopped') return closeListeners(this.#listeners);
    // After the addresses: fleets of one program share the sockets of the service manager, and a slow one must not find them gone.
    this.#releases.begin(0);
    // Loaded late: node:tls and node:crypto would cost every master a megabyte.
    const tls =
      settings.tls === undefined
        ? undefined
        : await (await import('./tls-material.js')).loadTls(this.#releases.tls(0, settings.tls));
    await this.#watches.open({
      settings,
      host,
      log,
      listeners: this.#listeners,
      workers: this.#workers,
      // Not before the hook has been told who is there.
      replace: (handle, reason) =>
        this.#told.promise.then(() => (this.#operations as Operations).recycle(handle, reason)),
    });
    const starter = new Starter({
      settings,
      host,
      log,
      naps: this.#naps,
      listeners: this.#listeners,
      releases: this.#releases,
      message: (handle, data) => this.#events.message(handle.info, data),
      watches: this.#watches,
      spawned: (handle) => this.#onSpawn(handle),
      closed: () => this.#shutDown.check(),
      exited: (handle, exit) => void this.#onExit(handle, exit),
    });
    starter.tls = tls;
    this.#starter = starter;
    this.#operations = new Operations({
      settings,
      log,
      starter,
      releases: this.#releases,
      slots: this.#slots,
      stays: this.#stays,
      grow: (slots) => this.#watches.grow(slots),
      startFailed: (handle, error) => this.#recoveries.startFailed(handle, error),
      ending: () => this.#ending,
      reloading: (result) => this.#reloading(result),
    });
  }

  /** Whatever keeps one of them from becoming ready ends the fleet. */
  async #firstWorkers(): Promise<void> {
    const pids = await firstWorkers(this.#slots, this.#settings.workers, (error) => this.#end(error));
    if (this.#ending !== undefined || pids === undefined) return await this.finished;
    this.#wereReady = true;
    this.#log.info(
      `${pids.length} ${pids.length === 1 ? 'worker is' : 'workers are'} ready on ${this.addresses.map(showAddress).join(', ')}`,
    );
    await this.#hooks.run('onMasterReady', pids);
    if (this.#ending !== undefined) return;
    this.#state = 'running';
    this.#events.ready(pids);
    this.#told.resolve();
    this.#host.settle?.();
  }

  #begin(place: WorkerPlace): Start {
    const start = (this.#starter as Starter).start(place);
    this.#shutDown.waitsFor(start.ready);
    return start;
  }

  #onSpawn(handle: WorkerHandle): Promise<boolean> {
    this.#workers.add(handle);
    this.#log.info(`${handle} spawned`);
    this.#events.spawn(handle.pid, handle.info);
    this.#shutDown.admit(handle);
    return this.#hooks.run('onChildSpawn', handle.pid, handle.info);
  }

  async #onExit(handle: WorkerHandle, exit: WorkerExit): Promise<void> {
    const verdict = await this.#exits.verdict(handle, exit);
    this.#workers.delete(handle);
    this.#shutDown.check();
    this.#exits.report(handle, exit, verdict);
    handle.judged(verdict === 'too young');
    if (verdict !== 'lost') return;
    // Before all are ready, ready is no excuse: nobody is to hear of a fleet that is not there.
    if (this.#wereReady) this.#slots.exited(handle, exit);
    else this.#end(bootFailure(handle, exit));
  }

  /** Rolling replacement by workers of the next generation. Never rejects once the fleet runs: the verdict is in the result. */
  async reload(): Promise<ReloadResult> {
    return await (await this.#asked('reload()')).reload();
  }

  /** @param workers The new number, or how to get it from the present one. */
  async scale(workers: (now: number) => number): Promise<void> {
    await (await this.#asked('scale()')).scale(workers);
  }

  /** Whether the fleet runs is decided at the call: a stop that is asked for next is a verdict of the operation, not a refusal. */
  async #asked(operation: string): Promise<Operations> {
    const running = this.#running();
    running.catch(() => {}); // refuseInside() may throw first
    await this.#hooks.refuseInside(operation);
    return running;
  }

  /** @throws what kept the fleet from starting, or `ABORT_ERR` when it was not started or has stopped. */
  async #running(): Promise<Operations> {
    if (this.#starting === undefined || this.#ending !== undefined) throw stoppedEarly();
    await this.#starting;
    return this.#operations as Operations;
  }

  #reloading(result: ReloadResult | undefined): void {
    if (this.#ending === undefined) this.#state = result === undefined ? 'reloading' : 'running';
    if (result !== undefined) this.#events.reload(result);
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
    else this.#log.error(`stopping, because ${reasonOf(error)}`);
    this.#naps.end();
    this.#watches.close();
    this.#recoveries.end();
    this.#hooks.close();
    // Not those of programs that know nothing of it, and may serve on for as long as they like.
    const sealed =
      grace > 0 && this.#settings.readiness !== 'spawn' && sealDoors(this.#host, this.#listeners, this.#log);
    void this.#shutDown.run(grace, sealed).then(() => this.#over(error));
  }

  #over(error: unknown): void {
    // What the service manager opened, and what closeDoors() had no chance to.
    closeListeners(this.#listeners);
    this.#releases.close();
    this.#watches.over();
    this.#stopReaping?.();
    this.#state = 'stopped';
    this.#log.info('stopped');
    const echo = this.#signals?.echo() ?? 0;
    if (echo > 0) this.#host.after(echo, () => this.#settle(error));
    else this.#settle(error);
  }

  #settle(error: unknown): void {
    this.#signals?.off();
    this.#groupSignals.off();
    if (error === undefined) this.#finished.resolve();
    else this.#finished.reject(error);
    this.#events.stop(error);
  }
}
