/** A master from its start to its end. Runs in the master only. */

import { deferred } from '../common/deferred.js';
import { neverStarted, stoppedEarly, stopsOrStopped } from '../common/errors.js';
import { reasonOf } from '../common/in-words.cjs';
import { type Log, masterLog, type Observe, showAddress } from '../common/log.js';
import type { Settings } from '../options/settings.js';
import { forMany } from '../protocol/channel.js';
import { Releases } from '../system/releases/releases.js';
import type { System, Timer } from '../system/system.js';
import type { FleetReading, FleetState, ListenerAddress, ReloadResult, Status, WorkerInfo } from '../types.js';
import { Controls } from './controls.js';
import { Fleet, type FleetEvents } from './fleet.js';
import { HookRunner } from './hooks.js';
import { Listeners } from './listeners.js';
import { Monitors } from './monitors/monitors.js';
import type { Operations } from './operations.js';
import { Readings } from './readings.js';
import { Lines } from './scoreboard/lines.js';
import { ShutDown } from './shutdown.js';
import { refuseClusterMode, shellInFront } from './supervisors.js';
import { checkSupport } from './support.js';
import { Delays } from './workers/delays.js';
import type { WorkerHandle } from './workers/worker-handle.js';

export interface MasterEvents extends FleetEvents {
  ready(pids: number[]): void;
  reload(result: ReloadResult): void;
  stop(error: unknown): void;
  /** A line of the master's log. */
  readonly log?: Observe;
}

/** The life of a master: starting, running, stopping, stopped. What runs meanwhile is its {@link Fleet}. */
export class Master {
  readonly #settings: Settings;
  readonly #system: System;
  readonly #events: MasterEvents;
  readonly #log: Log;
  readonly #hooks: HookRunner;
  readonly #delays: Delays;
  readonly #shutDown: ShutDown;
  readonly #releases: Releases;
  readonly #monitors = new Monitors();
  readonly #workers = new Set<WorkerHandle>();
  readonly #listeners: Listeners;
  readonly #readings: Readings;
  readonly #controls: Controls;
  /** Settles when `onMasterReady` has run. */
  readonly #announced = deferred();
  readonly #finished = deferred();
  #stopReaping: (() => void) | undefined;
  #state: FleetState = 'starting';
  /** From when every socket is open. */
  #fleet: Fleet | undefined;
  #starting: Promise<void> | undefined;
  /** Set once, by whatever ends the fleet first; later reasons are consequences. */
  #ending: { readonly error: unknown } | undefined;
  /** It was asked to stop, serves on, and drains then. */
  #leaving: { readonly timer: Timer; grace: number } | undefined;

  constructor(settings: Settings, system: System, events: MasterEvents) {
    this.#settings = settings;
    this.#system = system;
    this.#events = events;
    this.#log = masterLog(settings, system.pid, events.log);
    this.#hooks = new HookRunner({
      hooks: settings.hooks,
      system,
      log: this.#log,
      failed: (error) => this.#end(error),
    });
    this.#releases = new Releases(system.program, settings.launch, this.#log);
    this.#delays = new Delays(system);
    const own = { settings, system, log: this.#log, state: () => this.#state };
    this.#listeners = new Listeners({
      ...own,
      monitors: this.#monitors,
      ending: () => this.#ending !== undefined,
    });
    this.#readings = new Readings({
      ...own,
      workers: this.#workers,
      listeners: this.#listeners,
      fleet: () => this.#fleet,
    });
    this.#controls = new Controls(settings, system, this.#log);
    this.#shutDown = new ShutDown(system, this.#log, this.#workers, () => this.#listeners.close());
  }

  /** Settles when everything is over: fulfilled after a requested stop, rejected with what ended the fleet otherwise. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  /** Whether something has ended the fleet: a signal, a failure, or {@link Master.stop}. */
  get ending(): boolean {
    return this.#ending !== undefined || this.#leaving !== undefined;
  }

  get waits(): boolean {
    return this.#leaving !== undefined && this.#ending === undefined;
  }

  get addresses(): readonly ListenerAddress[] {
    return this.#readings.addresses();
  }

  get workers(): readonly WorkerInfo[] {
    return this.#readings.workerInfos();
  }

  metrics(): Promise<FleetReading> {
    return this.#readings.metrics();
  }

  status(): Status {
    return this.#readings.status();
  }

  broadcast(data: unknown): number {
    const message = forMany(data);
    return [...this.#workers].filter((handle) => handle.send(data, message)).length;
  }

  /** @throws what kept the fleet from starting, after everything that had been started is gone again; `ABORT_ERR` when it stops, or has. */
  start(): Promise<void> {
    if (this.#starting !== undefined && this.ending) return this.#starting.then(() => Promise.reject(stopsOrStopped()));
    this.#starting ??= this.#start();
    return this.#state === 'starting' ? this.#hooks.refuseInside('start()').then(() => this.#starting) : this.#starting;
  }

  async #start(): Promise<void> {
    try {
      const fleet = this.#ending === undefined ? await this.#shutDown.waitsFor(this.#open()) : undefined;
      // Whatever keeps one of the first workers from becoming ready ends the fleet.
      const pids = this.#ending === undefined ? await fleet?.establish() : undefined;
      if (pids !== undefined) await this.#announce(pids);
      if (this.#ending === undefined && pids !== undefined) return;
    } catch (error) {
      this.#end(error);
    }
    await this.finished;
    throw stoppedEarly();
  }

  /** @returns `undefined` when the fleet has stopped meanwhile. */
  async #open(): Promise<Fleet | undefined> {
    const settings = this.#settings;
    const system = this.#system;
    const log = this.#log;
    refuseClusterMode(process.env);
    checkSupport(settings, system.features);
    if (system.permission !== undefined)
      (await import('./permission.js')).checkPermission(settings, system.permission, system.program);
    if (settings.pidFile !== undefined) await this.#controls.claim(settings.pidFile);
    if (settings.signals) this.#controls.hearSignals(this);
    this.#stopReaping = system.reapStrangers?.();
    if (process.env['NOTIFY_SOCKET'] !== undefined || settings.metrics !== undefined)
      this.#monitors.health = await (await import('./health/health.js')).openHealth(this.#readings);
    if (!(await this.#listeners.begin())) return undefined;
    this.#controls.publish();
    if (settings.admin !== undefined && !(await this.#controls.openDoor(this))) return undefined;
    const shell = system.hasControllingTerminal() ? undefined : shellInFront(process.env, process.ppid);
    if (shell !== undefined) log.warn(shell);
    const between =
      settings.readiness === 'spawn'
        ? (await import('./shell-of-workers.js')).shellOfWorkers(settings.launch)
        : undefined;
    if (between !== undefined) log.warn(between);
    // After the addresses: fleets of one program share the sockets of the service manager, and a slow one must not find them gone.
    this.#releases.begin(0);
    // Loaded late: node:tls and node:crypto would cost every master a megabyte.
    const tls =
      settings.tls === undefined
        ? undefined
        : await (await import('./tls.js')).loadTls(this.#releases.tls(0, settings.tls));
    const hosted = settings.launch.hosted !== undefined;
    // It keeps from the monitors what no worker has asked for yet.
    if (hosted || settings.cluster) await this.#listeners.takeRequests(!hosted);
    await this.#monitors.open({
      settings,
      system,
      log,
      listeners: this.#listeners.open,
      workers: this.#workers,
      // Not before the hook knows of the workers.
      replace: (handle, reason) => this.#announced.promise.then(() => fleet.operations.recycle(handle, reason)),
    });
    if (settings.scoreboard && settings.readiness !== 'spawn') this.#readings.lines = new Lines(system, log);
    const fleet = new Fleet({
      settings,
      system,
      log,
      events: this.#events,
      hooks: this.#hooks,
      delays: this.#delays,
      groupSignals: this.#controls.groupSignals,
      releases: this.#releases,
      monitors: this.#monitors,
      tally: this.#readings.tally,
      lines: this.#readings.lines,
      shutDown: this.#shutDown,
      // Not what workers ask for later.
      listeners: [...this.#listeners.open],
      addresses: this.#listeners.asked,
      tls,
      workers: this.#workers,
      ending: () => this.#ending,
      end: (error) => this.#end(error),
      reloading: (result) => this.#reloading(result),
    });
    this.#fleet = fleet;
    return fleet;
  }

  async #announce(pids: number[]): Promise<void> {
    const workers = pids.length;
    const addresses = this.addresses.map(showAddress).join(', ');
    this.#log.info(`${workers} ${workers === 1 ? 'worker is' : 'workers are'} ready on ${addresses}`, {
      event: 'ready',
      workers,
      addresses,
    });
    this.#listeners.asked?.ready();
    await this.#hooks.run('onMasterReady', pids);
    if (this.#ending !== undefined) return;
    this.#turn('running');
    this.#events.ready(pids);
    this.#announced.resolve();
    this.#system.settle?.();
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
    if (this.ending) throw stopsOrStopped();
    if (this.#starting === undefined) throw neverStarted();
    await this.#starting;
    if (this.#fleet === undefined) throw stopsOrStopped();
    return this.#fleet.operations;
  }

  #reloading(result: ReloadResult | undefined): void {
    if (!this.ending) this.#turn(result === undefined ? 'reloading' : 'running', result);
    if (result?.ok === true) this.#listeners.asked?.reloaded(result.generation);
    if (result === undefined) {
      this.#controls.renewDoor();
      return;
    }
    this.#readings.tally.reloads[result.ok ? 'ok' : 'failed']++;
    this.#events.reload(result);
  }

  #turn(state: FleetState, result?: ReloadResult): void {
    this.#state = state;
    this.#monitors.health?.turned(result);
  }

  /**
   * Serves on for `drainDelay`, drains every worker, kills what is left after `grace` ms, closes the listeners. Called again it can only be
   * quicker.
   */
  stop(grace: number = this.#settings.gracePeriod): Promise<void> {
    const { drainDelay } = this.#settings;
    const serves = this.#state === 'running' || this.#state === 'reloading';
    if (grace > 0 && this.#leaving !== undefined) this.#leaving.grace = Math.min(grace, this.#leaving.grace);
    else if (grace > 0 && drainDelay > 0 && serves) this.#leave(drainDelay, grace);
    else this.#end(undefined, grace);
    return this.#finished.promise.catch(() => {});
  }

  /** Balancers have the time to notice before the first client is refused. */
  #leave(delay: number, grace: number): void {
    const timer = this.#system.after(delay, () => this.hurry());
    this.#leaving = { timer, grace };
    this.#state = 'stopping';
    this.#log.info(`serving on for ${delay} ms (drainDelay), then stopping`, { event: 'stop' });
    this.#monitors.health?.leaving(delay + grace);
  }

  /** A stop that waits begins; one that has begun is over at once. */
  hurry(): Promise<void> {
    this.#end(undefined, (this.waits && this.#leaving?.grace) || 0);
    return this.#finished.promise.catch(() => {});
  }

  #end(error: unknown, grace: number = this.#settings.gracePeriod): void {
    if (this.#ending !== undefined) {
      void this.#shutDown.run(grace);
      return;
    }
    this.#ending = { error };
    this.#leaving?.timer.cancel();
    this.#state = 'stopping';
    if (error === undefined) this.#log.info('stopping', { event: 'stop' });
    else this.#log.error(`stopping, because ${reasonOf(error)}`, { event: 'stop', error });
    const unwanted = this.#system.dismiss?.();
    if (unwanted !== undefined) void this.#shutDown.waitsFor(unwanted);
    this.#delays.end();
    this.#monitors.close();
    // What the service manager keeps: before the sockets refuse clients for good.
    this.#monitors.health?.ending(grace, error);
    this.#fleet?.recovery.end();
    this.#hooks.close();
    // Not those of programs that know nothing of it, and may serve on for as long as they like.
    const sealed = grace > 0 && this.#settings.readiness !== 'spawn' && this.#listeners.seal();
    void this.#shutDown.run(grace, sealed).then(() => this.#over(error));
  }

  #over(error: unknown): void {
    this.#listeners.over();
    this.#controls.over(error);
    this.#releases.close();
    this.#state = 'stopped';
    this.#monitors.over();
    this.#readings.over();
    this.#stopReaping?.();
    this.#log.info('stopped', { event: 'stop' });
    const { echo } = this.#controls;
    if (echo > 0) this.#system.after(echo, () => this.#settle(error));
    else this.#settle(error);
  }

  #settle(error: unknown): void {
    this.#controls.off();
    if (error === undefined) this.#finished.resolve();
    else this.#finished.reject(error);
    this.#events.stop(error);
  }
}
