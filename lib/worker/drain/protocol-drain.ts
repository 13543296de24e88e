/** The seam between a drain and the protocols that it ends connections of. */

import type { DrainReason } from '../../protocol/protocol.cjs';
import type { Idle } from './quiet.js';

/** How one protocol of one server finishes its connections. */
export interface ProtocolDrain {
  /** Connections whose client still waits for something, when what is idle has been ended. */
  readonly unfinished: number;
  /** Called once per reason; `'stop'` may follow `'replace'`. */
  begin(reason: DrainReason): void;
  /** What waits for nothing but its client's next request. */
  idle(): Idle[];
  /** Ends what is left at once. */
  destroy(): void;
}
