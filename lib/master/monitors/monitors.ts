/**
 * What looks after running workers beside their recovery: sharded sockets, liveness, recycling. The first two are loaded by the fleets
 * that asked for them; every other master does without their memory. A successor any worker may ask for, at any time.
 */

import type { BoardPlace } from '../../addon/native.cjs';
import type { Log } from '../../common/log.js';
import type { Settings } from '../../options/settings.js';
import type { OpenListener } from '../../system/open-listener.js';
import type { System } from '../../system/system.js';
import type { Health } from '../health/health.js';
import type { Heard } from '../workers/events.js';
import type { WorkerHandle } from '../workers/worker-handle.js';
import { type AcceptLine, formLine } from './accept-line.js';
import type { AskedSharding } from './asked-sharding.js';
import type { Liveness } from './liveness.js';
import { Recycling, type RecyclingContext } from './recycling.js';
import type { Sharding } from './sharding.js';

export interface MonitorsContext {
  readonly settings: Pick<
    Settings,
    'workers' | 'livenessTimeout' | 'recycle' | 'sharing' | 'readiness' | 'listen' | 'launch' | 'cluster'
  >;
  readonly system: System;
  readonly log: Log;
  readonly listeners: readonly OpenListener[];
  /** All of the fleet, in whatever state. */
  readonly workers: Iterable<WorkerHandle>;
  readonly replace: RecyclingContext['replace'];
}

export class Monitors {
  #line: AcceptLine | undefined;
  #sharding: Sharding | AskedSharding | undefined;
  #liveness: Liveness<WorkerHandle> | undefined;
  #recycling: Recycling | undefined;
  #closed = false;
  /** What the outside sees of the fleet; `undefined`: no client looks. */
  health: Health | undefined;

  /** Begins to watch; what is loaded after {@link Monitors.close} is not begun. */
  async open(context: MonitorsContext): Promise<void> {
    const { settings, system, log, workers, replace } = context;
    const { livenessTimeout, recycle } = settings;
    const { queues } = system;
    this.#line = formLine(system, settings, log, context);
    const { hosted } = settings.launch;
    const asks = hosted !== undefined || settings.cluster;
    // A hosted program inherits none.
    const inherited = hosted === undefined ? context.listeners : [];
    const sharded = inherited.flatMap(({ shards }, index) => (shards === undefined ? [] : [{ index, shards }]));
    const shards = sharded.length > 0 || (asks && settings.sharing === 'sharded');
    const [sharding, liveness, ask] = await Promise.all([
      shards ? import('./asked-sharding.js') : undefined,
      livenessTimeout === undefined ? undefined : import('./liveness.js'),
      livenessTimeout === undefined ? undefined : system.loadAskForStack?.(),
    ]);
    if (this.#closed) return;
    if (sharding !== undefined && queues !== undefined) {
      this.#sharding = sharding.openSharding({ system, queues, log, listeners: sharded }, asks);
      this.#sharding.grow(settings.workers);
    }
    if (liveness !== undefined && livenessTimeout !== undefined) {
      this.#liveness = liveness.watchLiveness(livenessTimeout, system, log, context.listeners, workers, ask);
    }
    this.#recycling = new Recycling({ settings: recycle, system, log, replace });
  }

  /** There will be so many slots. Throws what keeps them from getting their sockets. */
  grow(slots: number): void {
    this.#sharding?.grow(slots);
  }

  /** Another listener is open. Throws what keeps it from being watched. */
  opened(listener: OpenListener): void {
    this.#line?.opened(listener);
    this.health?.opened(listener);
  }

  /** It is about to be closed, while the fleet goes on. */
  closing(listener: OpenListener): void {
    this.#line?.closing(listener);
    this.health?.closing(listener);
    this.#sharding?.closing(listener);
  }

  /** `'sharded'`: hears of what workers ask for. */
  get asked(): AskedSharding['hears'] | undefined {
    return (this.#sharding as Partial<AskedSharding> | undefined)?.hears;
  }

  /** What a worker that is about to be started shares with the others, until {@link Monitors.leave}. */
  place(): BoardPlace | undefined {
    return this.#line?.place();
  }

  /** The worker is gone, or never came to be. Idempotent. */
  leave(place: BoardPlace): void {
    this.#line?.leave(place);
  }

  /** A worker was started. */
  started(): void {
    this.health?.changed();
  }

  /** A worker became ready, drains, or is gone. */
  changed(handle: WorkerHandle): void {
    this.#line?.changed(handle);
    this.#sharding?.changed(handle);
    this.#recycling?.changed(handle);
    this.health?.changed();
  }

  hear(
    handle: WorkerHandle,
    message: Exclude<Heard, { type: 'message' | 'wants-listener' | 'released-listener' }>,
  ): void {
    switch (message.type) {
      case 'answered':
        this.#sharding?.answered(handle, message.for === 'queue' ? message.id : undefined);
        this.#liveness?.answered(handle, message.inspector);
        this.health?.answered(handle);
        break;
      case 'wants-replacement':
        this.#recycling?.ask(handle, message.reason);
        break;
      case 'adoption-failed':
        this.#sharding?.adoptionFailed(handle, message.slot);
        break;
      case 'paused-accepting':
      case 'resumed-accepting':
        this.#sharding?.accepting(handle, message.type === 'resumed-accepting');
        break;
    }
  }

  /** Every worker is gone. */
  over(): void {
    this.#line?.over();
    this.health?.over();
  }

  /** The fleet ends. */
  close(): void {
    this.#closed = true;
    this.#line?.close();
    this.#sharding?.close();
    this.#liveness?.end();
    this.#recycling?.close();
  }
}
