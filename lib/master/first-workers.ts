/** The first start: every slot at once. Hooks and events hear of the fleet when all of its workers serve. */

import { notStarted } from './workers/boot-failure.js';
import type { Slots } from './workers/slots.js';
import { readyInTime } from './workers/starter.js';

/**
 * Resolves with the pids of all, or with `undefined` when one of them did not become ready or is not any more: the fleet ends as soon as its
 * exit is judged.
 * @param failed No process could be started, or one that is not ready cannot be killed.
 */
export async function firstWorkers(
  slots: Slots,
  count: number,
  failed: (error: unknown) => void,
): Promise<number[] | undefined> {
  const starts = Array.from({ length: count }, () => slots.fill({ slot: slots.add(), generation: 0 }));
  const ready = await Promise.all(
    starts.map((start, slot) =>
      readyInTime(start).catch((error: unknown) => {
        failed(notStarted(slot, error));
        return false;
      }),
    ),
  );
  // By now one that was ready may have ended, or be about to: its exit is judged a moment later.
  const all = starts.every(({ handle }, slot) => ready[slot] === true && handle.state === 'ready');
  return all ? starts.map(({ handle }) => handle.pid) : undefined;
}
