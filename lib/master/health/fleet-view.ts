/** A fleet as those see it who look after it from outside: the service manager, and who probes its health. */

import type { Log } from '../../common/log.js';
import type { Settings } from '../../options/settings.js';
import type { System } from '../../system/system.js';
import type { FleetReading, FleetState, ListenerAddress } from '../../types.js';
import type { WorkerHandle } from '../workers/worker-handle.js';

export interface FleetView {
  readonly settings: Pick<
    Settings,
    'name' | 'readyTimeout' | 'readyFor' | 'metrics' | 'sharing' | 'cluster' | 'launch'
  >;
  readonly system: Pick<System, 'pid' | 'now' | 'after' | 'notify' | 'openListeners' | 'openWitness'>;
  readonly log: Log;
  /** All of the fleet, in whatever state. */
  readonly workers: Iterable<WorkerHandle>;
  /** `'stopping'` also while the fleet still serves, because it was asked to stop in a while. */
  state(): FleetState;
  /** How many workers are to serve. */
  slots(): number;
  generation(): number;
  addresses(): readonly ListenerAddress[];
  metrics(): Promise<FleetReading>;
}

/** Slots that a worker serves. */
export function served({ workers }: Pick<FleetView, 'workers'>): number {
  return new Set([...workers].filter(({ state }) => state === 'ready').map(({ place }) => place.slot)).size;
}
