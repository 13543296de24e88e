/** What holds for timers of Node. */

/** Longest delay of a Node timer: a longer one fires after 1 ms (Node's TIMEOUT_MAX). */
export const TIMER_MAX = 2 ** 31 - 1;

export interface PatientTimer {
  cancel(): void;
}

/**
 * Calls `action` after so many milliseconds, and behind all that has come in by then. libuv runs timers before it reads: a process that got no
 * CPU for a while would find its timer due, and judge before it has read the answer that came in time.
 *     worker: ready after 1 s          master: no CPU from 0.9 s to 2.1 s, readyTimeout 2 s, then "not ready", then `became-ready`
 * Two turns: the end of a process is reported one behind the event of the kernel.
 * @param ms More than a timer holds is 24 days: for ever to everybody who waits here.
 * @param stays Keeps the process alive until then. Default: true.
 */
export function after(ms: number, action: () => void, stays = true): PatientTimer {
  let turn: NodeJS.Immediate | undefined;
  const timer = setTimeout(
    () => {
      turn = setImmediate(() => {
        turn = setImmediate(action);
      });
    },
    Math.min(ms, TIMER_MAX),
  );
  if (!stays) timer.unref();
  return {
    cancel: () => {
      clearTimeout(timer);
      clearImmediate(turn);
    },
  };
}
