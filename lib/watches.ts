/**
 * What looks after running workers beside their recovery: sharded sockets, liveness, recycling. The first two are loaded by the fleets
 * that asked for them; every other master does without their memory. A successor any worker may ask for, at any time.
 */

import { type AcceptLine, formLine } from './accept-line.js';
import type { Host } from './host.js';
import type { OpenListener } from './listeners.js';
import type { Liveness } from './liveness.js';
import type { BoardPlace } from './native.cjs';
import type { Settings } from './options.js';
import type { InspectorPort } from './protocol.cjs';
import { Recycling, type RecyclingContext } from './recycling.js';
import type { Sharding } from './sharding.js';
import type { Logger } from './types.js';
import type { WorkerHandle } from './worker-handle.js';

export interface WatchesContext {
  readonly settings: Pick<Settings, 'workers' | 'livenessTimeout' | 'recycle' | 'sharing' | 'readiness' | 'listen'>;
  readonly host: Host;
  readonly log: Logger;
  readonly listeners: readonly OpenListener[];
  /** All of the fleet, in whatever state. */
  readonly workers: Iterable<WorkerHandle>;
  readonly replace: RecyclingContext['replace'];
}

export class Watches {
  #line: AcceptLine | undefined;
  #sharding: Sharding | undefined;
  #liveness: Liveness<WorkerHandle> | undefined;
  #recycling: Recycling | undefined;
  #closed = false;

  /** Begins to watch; what is loaded after {@link Watches.close} is not begun. */
  async open(context: WatchesContext): Promise<void> {
    const { settings, host, log, workers, replace } = context;
    const { livenessTimeout, recycle } = settings;
    this.#line = formLine(host, settings, log, context);
    const sharded = context.listeners.flatMap(({ shards }, index) => (shards === undefined ? [] : [{ index, shards }]));
    const [sharding, liveness] = await Promise.all([
      sharded.length === 0 ? undefined : import('./sharding.js'),
      livenessTimeout === undefined ? undefined : import('./watch-liveness.js'),
    ]);
    if (this.#closed) return;
    if (sharding !== undefined) {
      this.#sharding = new sharding.Sharding({ host, log, listeners: sharded });
      this.#sharding.grow(settings.workers);
    }
    if (liveness !== undefined && livenessTimeout !== undefined) {
      this.#liveness = liveness.watchLiveness(livenessTimeout, host, log, context.listeners, workers);
    }
    this.#recycling = new Recycling({ settings: recycle, host, log, replace });
  }

  /** There will be so many slots. Throws what keeps them from getting their sockets. */
  grow(slots: number): void {
    this.#sharding?.grow(slots);
  }

  /** What a worker that is about to be started shares with the others, until {@link Watches.leave}. */
  place(): BoardPlace | undefined {
    return this.#line?.place();
  }

  /** The worker is gone, or never came to be. Idempotent. */
  leave(place: BoardPlace): void {
    this.#line?.leave(place);
  }

  /** A worker became ready, drains, or is gone. */
  changed(handle: WorkerHandle): void {
    this.#line?.changed(handle);
    this.#sharding?.changed(handle);
    this.#recycling?.changed(handle);
  }

  /** The event loop of a worker turned. */
  pong(handle: WorkerHandle, id: number, inspector: InspectorPort | undefined): void {
    this.#sharding?.pong(handle, id);
    this.#liveness?.pong(handle, inspector);
  }

  /** A worker wants a successor. */
  recycle(handle: WorkerHandle, reason: string): void {
    this.#recycling?.ask(handle, reason);
  }

  /** A worker could not accept for another slot. */
  unadopted(handle: WorkerHandle, slot: number): void {
    this.#sharding?.unadopted(handle, slot);
  }

  /** A worker has no place for connections, or has again. */
  accepting(handle: WorkerHandle, yes: boolean): void {
    this.#sharding?.accepting(handle, yes);
  }

  /** Every worker is gone. */
  over(): void {
    this.#line?.over();
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
