/** The view of a worker that users hold: live fields, serialisable, no way to the process but `send`. {@link WorkerHandle} makes it. */

import type { WorkerInfo, WorkerState } from '../../types.js';
import type { Life } from './life.js';

/** The worker behind the view. */
type Viewed = Pick<WorkerInfo, 'pid' | 'startedAt' | 'send'> & { readonly life: Pick<Life, 'state' | 'readyAt'> };

export class LiveInfo implements WorkerInfo {
  declare readonly slot: number;
  declare readonly pid: number;
  declare readonly generation: number;
  declare readonly state: WorkerState;
  declare readonly startedAt: Date;
  declare readonly readyAt?: Date;
  declare readonly send: (message: unknown) => boolean;

  constructor(worker: Viewed, { slot, generation }: Pick<WorkerInfo, 'slot' | 'generation'>) {
    const live = (get: () => unknown) => ({ get, enumerable: true });
    Object.defineProperties(this, {
      slot: { value: slot, enumerable: true },
      pid: live(() => worker.pid),
      generation: { value: generation, enumerable: true },
      state: live(() => worker.life.state),
      startedAt: live(() => worker.startedAt),
      readyAt: live(() => worker.life.readyAt),
      send: { value: (message: unknown) => worker.send(message), enumerable: false },
    });
  }
}
