/** The supervision state machine: start, exits and what follows from them, stop. Runs in the master only. */

import { deferred } from '../common/deferred.js';
import type { WorkerExit } from '../common/errors.js';
import { stoppedEarly } from '../common/errors.js';
import { reasonOf } from '../common/in-words.cjs';
import { makeLog, showAddress } from '../common/log.js';
import type { Settings } from '../options/settings.js';
import { forMany } from '../protocol/channel.js';
import type { OpenListener } from '../system/open-listener.js';
import { closeListeners } from '../system/open-listener.js';
import { Releases } from '../system/releases/releases.js';
import type { System } from '../system/system.js';
import type {
  ExitInfo,
  FleetState,
  ListenerAddress,
  Logger,
  QueueStatus,
  ReloadResult,
  Status,
  WorkerInfo,
} from '../types.js';
import { closeDoors, sealDoors } from './doors.js';
import { Exits } from './exits.js';
import { firstWorkers } from './first-workers.js';
import { GroupSignals } from './group-signals.js';
import { HookRunner } from './hooks.js';
import { Monitors } from './monitors/monitors.js';
import { Operations } from './operations.js';
import { queueStatus } from './queue-status.js';
import { Recovery } from './recovery.js';
import { ShutDown } from './shutdown.js';
import type { InstalledSignals } from './signals.js';
import { installSignals } from './signals.js';
import { checkSupport } from './support.js';
import { bootFailure } from './workers/boot-failure.js';
import { Delays } from './workers/delays.js';
import { Slots } from './workers/slots.js';
import type { Start } from './workers/starter.js';
import { Starter } from './workers/starter.js';
import { Stays } from './workers/stays.js';
import type { Heard, WorkerHandle, WorkerPlace } from './workers/worker-handle.js';

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
  readonly #system: System;
  readonly #events: MasterEvents;
  readonly #log: Logger;
  readonly #hooks: HookRunner;
  readonly #delays: Delays;
  readonly #recoveries: Recovery;
  readonly #slots: Slots;
  readonly #shutDown: ShutDown;
  readonly #exits: Exits;
  readonly #releases: Releases;
  readonly #monitors = new Monitors();
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

  constructor(settings: Settings, system: System, events: MasterEvents) {
    this.#settings = settings;
    this.#system = system;
    this.#events = events;
    this.#log = makeLog(settings.logger, `prefork[${settings.name}] master ${system.pid}`);
    this.#hooks = new HookRunner({
      hooks: settings.hooks,
      system,
      log: this.#log,
      failed: (error) => this.#end(error),
    });
    this.#releases = new Releases(system.program, settings.launch, this.#log);
    this.#delays = new Delays(system);
    this.#groupSignals = new GroupSignals(system);
    this.#stays = new Stays(system, settings.readyFor);
    this.#exits = new Exits({
      log: this.#log,
      delays: this.#delays,
      hooks: this.#hooks,
      groupSignals: this.#groupSignals,
      ending: () => this.#ending !== undefined,
      tell: (worker, exit) => events.exit(worker, exit),
    });
    this.#shutDown = new ShutDown(system, this.#log, this.#workers, () => closeDoors(this.#listeners));
    this.#slots = new Slots({
      system,
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
    this.#recoveries = new Recovery({
      settings: settings.recovery,
      system,
      delays: this.#delays,
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
      pid: this.#system.pid,
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
    return queueStatus(this.#system, this.#listeners);
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
    const system = this.#system;
    const log = this.#log;
    checkSupport(settings, system.features);
    if (settings.signals) {
      this.#signals = installSignals(system, log, this);
      this.#groupSignals.listen();
    }
    this.#stopReaping = system.reapStrangers();
    this.#listeners = await system.openListeners(settings.listen, settings.sharing, settings.workers, log);
    // A name server took longer than the whole stop: nobody else closes them any more.
    if (this.#state === 'stopped') return closeListeners(this.#listeners);
    // After the addresses: fleets of one program share the sockets of the service manager, and a slow one must not find them gone.
    this.#releases.begin(0);
    // Loaded late: node:tls and node:crypto would cost every master a megabyte.
    const tls =
      settings.tls === undefined
        ? undefined
        : await (await import('./tls.js')).loadTls(this.#releases.tls(0, settings.tls));
    await this.#monitors.open({
      settings,
      system,
      log,
      listeners: this.#listeners,
      workers: this.#workers,
      // Not before the hook has been told who is there.
      replace: (handle, reason) =>
        this.#told.promise.then(() => (this.#operations as Operations).recycle(handle, reason)),
    });
    const starter = new Starter({
      settings,
      system,
      log,
      delays: this.#delays,
      listeners: this.#listeners,
      releases: this.#releases,
      place: () => this.#monitors.place(),
      leave: (place) => this.#monitors.leave(place),
      hear: (handle, message) => this.#hear(handle, message),
      changed: (handle) => this.#monitors.changed(handle),
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
      grow: (slots) => this.#monitors.grow(slots),
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
    this.#system.settle?.();
  }

  #begin(place: WorkerPlace): Start {
    const start = (this.#starter as Starter).start(place);
    this.#shutDown.waitsFor(start.ready);
    return start;
  }

  #hear(handle: WorkerHandle, message: Heard): void {
    if (message.type === 'message') this.#events.message(handle.info, message.data);
    else this.#monitors.hear(handle, message);
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
    this.#delays.end();
    this.#monitors.close();
    this.#recoveries.end();
    this.#hooks.close();
    // Not those of programs that know nothing of it, and may serve on for as long as they like.
    const sealed =
      grace > 0 && this.#settings.readiness !== 'spawn' && sealDoors(this.#system, this.#listeners, this.#log);
    void this.#shutDown.run(grace, sealed).then(() => this.#over(error));
  }

  #over(error: unknown): void {
    // What the service manager opened, and what closeDoors() had no chance to.
    closeListeners(this.#listeners);
    this.#releases.close();
    this.#monitors.over();
    this.#stopReaping?.();
    this.#state = 'stopped';
    this.#log.info('stopped');
    const echo = this.#signals?.echo() ?? 0;
    if (echo > 0) this.#system.after(echo, () => this.#settle(error));
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
