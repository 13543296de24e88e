/** What holds for timers of Node. */

/** Longest delay of a Node timer: a longer one fires after 1 ms (Node's TIMEOUT_MAX). */
export const TIMER_MAX = 2 ** 31 - 1;

export interface Timer {
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
export function after(ms: number, action: () => void, stays = true): Timer {
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

/** Milliseconds. */
const LATE = 50;

/**
 * As {@link after}; where the process hears of the end so late that it got no CPU, it waits once more, for `again` ms. The kernel may be about
 * to report what came meanwhile: a signal that another thread takes, the end of another process.
 */
export function afterStall(
  system: { now(): number; after(ms: number, action: () => void): Timer },
  ms: number,
  again: number,
  action: () => void,
): Timer {
  const due = system.now() + ms;
  let timer = system.after(ms, () => {
    if (system.now() - due > LATE) timer = system.after(again, action);
    else action();
  });
  return { cancel: () => timer.cancel() };
}
