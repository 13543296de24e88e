/** What a worker's handle reports to the master, and which of the worker's messages it passes on. */

import type { WorkerExit } from '../../common/errors.js';
import type { WorkerMessage } from '../../protocol/protocol.cjs';

/** What a worker says to the rest of the fleet: the handle passes it on as it is. */
export type Heard = Extract<
  WorkerMessage,
  {
    type:
      | 'wants-listener'
      | 'released-listener'
      | 'adoption-failed'
      | 'paused-accepting'
      | 'resumed-accepting'
      | 'wants-replacement'
      | 'answered'
      | 'message';
  }
>;

export interface WorkerHandleEvents {
  /** The worker can serve. */
  ready(): void;
  /** The program of the worker handles SIGTERM, which no drain sends. Right after {@link ready}. */
  handlesSigterm?(): void;
  /** The worker drains because of a signal that did not come from the master. */
  draining(signal: NodeJS.Signals): void;
  /** What does not change the state of the worker. */
  hear(message: Heard): void;
  /** The state has changed: to ready, draining or exited. */
  changed?(): void;
  /** The fleet stops, and the worker accepts nothing any more. */
  closed?(): void;
  /** The worker has closed its channel. Unless it ends now, which is what that looks like at first, it is {@link WorkerHandle.deaf}. */
  cut?(): void;
  /** In words that follow its name: a signal that could not be sent, messages that it does not read, a protocol that it broke. */
  trouble?(what: string): void;
  exit(exit: WorkerExit): void;
}

export interface WorkerPlace {
  readonly slot: number;
  readonly generation: number;
}
