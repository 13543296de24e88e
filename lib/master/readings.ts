/** What is counted in a fleet, and what can be read of it at any time: by its program, at the admin door, by those who watch its health. */

import type { Log } from '../common/log.js';
import type { Settings } from '../options/settings.js';
import type { System } from '../system/system.js';
import type { FleetReading, FleetState, ListenerAddress, Status, WorkerInfo, WorkerStatus } from '../types.js';
import type { Fleet } from './fleet.js';
import type { FleetView } from './health/fleet-view.js';
import type { Listeners } from './listeners.js';
import type { Lines } from './scoreboard/lines.js';
import { Tally } from './scoreboard/tally.js';
import { usageOf } from './scoreboard/usage.js';
import type { WorkerHandle } from './workers/worker-handle.js';

export interface ReadingsContext {
  readonly settings: Settings;
  readonly system: System;
  readonly log: Log;
  /** All of the fleet, in whatever state. */
  readonly workers: Iterable<WorkerHandle>;
  readonly listeners: Listeners;
  state(): FleetState;
  /** `undefined` until every socket is open. */
  fleet(): Fleet | undefined;
}

export class Readings implements FleetView {
  readonly settings: Settings;
  readonly system: System;
  readonly log: Log;
  readonly workers: Iterable<WorkerHandle>;
  readonly state: () => FleetState;
  readonly tally = new Tally();
  /** `undefined`: the workers count nothing. */
  lines: Lines | undefined;
  readonly #listeners: Listeners;
  readonly #fleet: () => Fleet | undefined;

  constructor({ settings, system, log, workers, listeners, state, fleet }: ReadingsContext) {
    this.settings = settings;
    this.system = system;
    this.log = log;
    this.workers = workers;
    this.state = state;
    this.#listeners = listeners;
    this.#fleet = fleet;
  }

  slots(): number {
    return this.#fleet()?.slots || this.settings.workers;
  }

  generation(): number {
    return this.#fleet()?.operations.generation ?? 0;
  }

  addresses(): readonly ListenerAddress[] {
    return this.#listeners.open.map(({ address }) => address);
  }

  workerInfos(): readonly WorkerInfo[] {
    return this.#bySlot().map(({ info }) => info);
  }

  #bySlot(): WorkerHandle[] {
    return [...this.workers].sort((a, b) => a.place.slot - b.place.slot);
  }

  status(): Status {
    return {
      pid: this.system.pid,
      state: this.state(),
      generation: this.generation(),
      sharing: this.settings.sharing,
      addresses: this.addresses(),
      workers: this.#bySlot().map((handle) => this.#statusOf(handle)),
      recoveries: this.#fleet()?.recovery.count ?? 0,
      queues: this.#listeners.queues,
    };
  }

  #statusOf(handle: WorkerHandle): WorkerStatus {
    return { ...handle.info, ...usageOf(this.system, handle), ...this.tally.of(handle.place.slot) };
  }

  /** What workers and master have counted. */
  async metrics(): Promise<FleetReading> {
    const { readFleet } = await import('./scoreboard/reading.js');
    return readFleet({
      system: this.system,
      workers: this.workers,
      tally: this.tally,
      lines: this.lines,
      listeners: this.#listeners.open,
      queues: this.#listeners.queues,
    });
  }

  /** Every worker is gone. */
  over(): void {
    this.lines?.over();
  }
}
