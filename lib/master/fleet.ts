/** The workers of a master: made once every socket is open, so nothing in it is ever missing. Start and stop are the master's. */

import type { WorkerExit } from '../common/errors.js';
import type { Log } from '../common/log.js';
import type { Settings } from '../options/settings.js';
import type { InitMessage } from '../protocol/protocol.cjs';
import type { OpenListener } from '../system/open-listener.js';
import type { Releases } from '../system/releases/releases.js';
import type { System } from '../system/system.js';
import type { ExitInfo, ReloadResult, WorkerInfo } from '../types.js';
import type { Addresses } from './addresses/addresses.js';
import { Exits } from './exits.js';
import { firstWorkers } from './first-workers.js';
import type { GroupSignals } from './group-signals.js';
import type { HookRunner } from './hooks.js';
import type { Monitors } from './monitors/monitors.js';
import { Operations } from './operations.js';
import { Recovery } from './recovery.js';
import type { Lines } from './scoreboard/lines.js';
import type { Tally } from './scoreboard/tally.js';
import type { ShutDown } from './shutdown.js';
import { bootFailure } from './workers/boot-failure.js';
import type { Delays } from './workers/delays.js';
import type { Heard, WorkerPlace } from './workers/events.js';
import { Slots } from './workers/slots.js';
import { readyInTime, type Start, Starter } from './workers/starter.js';
import { Stays } from './workers/stays.js';
import type { WorkerHandle } from './workers/worker-handle.js';

/** For observers, who must not be able to stop the fleet. */
export interface FleetEvents {
  spawn(pid: number, worker: WorkerInfo): void;
  exit(worker: WorkerInfo, exit: ExitInfo): void;
  recover(oldPid: number, newPid: number): void;
  message(worker: WorkerInfo, data: unknown): void;
}

export interface FleetContext {
  readonly settings: Settings;
  readonly system: System;
  readonly log: Log;
  readonly events: FleetEvents;
  readonly hooks: HookRunner;
  readonly delays: Delays;
  readonly groupSignals: GroupSignals;
  readonly releases: Releases;
  readonly monitors: Monitors;
  readonly tally: Tally;
  readonly lines: Lines | undefined;
  readonly shutDown: ShutDown;
  readonly listeners: readonly OpenListener[];
  /** What workers ask for; `undefined`: they do not. */
  readonly addresses: Addresses<WorkerHandle> | undefined;
  /** What the first workers are given. */
  readonly tls: InitMessage['tls'];
  /** All of the fleet, in whatever state: the fleet adds and removes them. */
  readonly workers: Set<WorkerHandle>;
  /** Why the master ends the fleet; `undefined` while it does not. */
  ending(): { readonly error: unknown } | undefined;
  /** The fleet cannot go on. */
  end(error: unknown): void;
  /** Called at both ends of every reload, with its verdict at the second. */
  reloading(result?: ReloadResult): void;
}

export class Fleet {
  readonly recovery: Recovery;
  readonly operations: Operations;
  readonly #context: FleetContext;
  readonly #exits: Exits;
  readonly #starter: Starter;
  readonly #slots: Slots;
  /** Every worker of the first start was ready: from then on what ends is recovered. */
  #established = false;

  constructor(context: FleetContext) {
    const { settings, system, log, events, hooks, delays, groupSignals, releases, monitors, shutDown } = context;
    const { listeners, addresses, ending, end, reloading } = context;
    this.#context = context;
    const stays = new Stays(system, settings.readyFor);
    const inherited = settings.launch.hosted === undefined ? listeners : [];
    this.#exits = new Exits({
      log,
      listeners: inherited,
      delays,
      hooks,
      groupSignals,
      ending: () => ending() !== undefined,
      exited: (worker, exit) => events.exit(worker, exit),
    });
    this.#starter = new Starter({
      settings,
      system,
      log,
      delays,
      listeners: inherited,
      abandoned: (handle) => addresses?.abandonedBy(handle) ?? false,
      releases,
      place: () => monitors.place(),
      leave: (place) => monitors.leave(place),
      lines: context.lines,
      hear: (handle, message) => this.#hear(handle, message),
      changed: (handle) => monitors.changed(handle),
      spawned: (handle) => this.#onSpawn(handle),
      closed: () => shutDown.check(),
      exited: (handle, exit) => void this.#onExit(handle, exit),
    });
    this.#starter.tls = context.tls;
    this.#slots = new Slots({
      system,
      log,
      drainTimeout: settings.drainTimeout,
      maxDraining: settings.maxDraining,
      start: (place) => this.#start(place),
      again: async (handle) => ending() === undefined && (await handle.blameless),
      vacant: (handle, exit) => {
        this.operations.lost(handle);
        this.recovery.judge(handle, exit);
      },
    });
    this.recovery = new Recovery({
      settings: settings.recovery,
      system,
      delays,
      giveUpWithin: settings.readyTimeout,
      log,
      slots: this.#slots,
      stays,
      generation: () => this.operations.generation,
      recovered: async (old, handle) => {
        context.tally.of(handle.place.slot).restarts++;
        if (await hooks.run('onChildRecover', old.pid, handle.pid)) events.recover(old.pid, handle.pid);
      },
      giveUp: end,
    });
    this.operations = new Operations({
      settings,
      log,
      starter: this.#starter,
      releases,
      slots: this.#slots,
      stays,
      grow: (slots) => monitors.grow(slots),
      startFailed: (handle, error) => this.recovery.startFailed(handle, error),
      stuck: (handle) => this.recovery.stuck(handle),
      ending,
      reloading,
    });
  }

  /** How many workers are to serve. */
  get slots(): number {
    return this.#slots.count;
  }

  /** The first start: settles with all pids; `undefined` when a worker did not become ready, which ends the fleet. */
  async establish(): Promise<number[] | undefined> {
    const { settings, ending, end } = this.#context;
    const pids = await firstWorkers(this.#slots, settings.workers, end);
    if (ending() !== undefined) return undefined;
    this.#established = pids !== undefined;
    return pids;
  }

  #start(place: WorkerPlace): Start {
    const start = this.#starter.start(place);
    // One that is stuck holds no listener open: the stop waits for it only as for every worker.
    this.#context.shutDown.waitsFor(readyInTime(start));
    return start;
  }

  #hear(handle: WorkerHandle, message: Heard): void {
    switch (message.type) {
      case 'message':
        this.#context.events.message(handle.info, message.data);
        break;
      case 'wants-listener':
      case 'released-listener':
        this.#context.addresses?.hear(handle, message);
        break;
      default:
        this.#context.monitors.hear(handle, message);
    }
  }

  #onSpawn(handle: WorkerHandle): Promise<boolean> {
    const { workers, log, events, shutDown, hooks, tally, monitors } = this.#context;
    workers.add(handle);
    monitors.started();
    tally.starts++;
    log.info(
      `${handle} spawned${handle.debugger === undefined ? '' : `, its debugger listens on ${handle.debugger}`}`,
      {
        event: 'spawn',
        worker: handle.info,
      },
    );
    events.spawn(handle.pid, handle.info);
    shutDown.admit(handle);
    return hooks.run('onChildSpawn', handle.pid, handle.info);
  }

  async #onExit(handle: WorkerHandle, exit: WorkerExit): Promise<void> {
    const { workers, shutDown, end, tally } = this.#context;
    const verdict = await this.#exits.verdict(handle, exit);
    workers.delete(handle);
    shutDown.check();
    tally.exited(exit, handle.life, verdict === 'requested');
    this.#exits.report(handle, exit, verdict);
    handle.judged(verdict === 'too young');
    if (verdict !== 'lost') return;
    // Before all are ready, ready is no excuse: a fleet that is not there is not announced.
    if (this.#established) this.#slots.exited(handle, exit);
    else end(bootFailure(handle, exit));
  }
}
