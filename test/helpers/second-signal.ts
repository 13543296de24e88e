/** The wish to stop at once, from a person who repeats it. */

import { eventually } from './eventually.js';
import type { Master } from './master.js';

/** Milliseconds: longer than the master takes a signal for the echo of the one before. */
const AGAIN = 300;

/**
 * Sends a stop signal to a master that stops already, until it says that it stops at once. One is enough, unless the master got no CPU when the
 * time of the echo was over: then it waits for the echo some more.
 */
export async function stopAtOnce(master: Master, signal: NodeJS.Signals): Promise<void> {
  const heard = (): boolean => master.stderr.includes(': stopping at once');
  await eventually(
    async () => {
      if (heard()) return true;
      master.kill(signal);
      return await eventually(heard, { within: AGAIN });
    },
    { what: `${signal} stops the fleet at once` },
  );
}
