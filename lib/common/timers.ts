/** What holds for timers of Node. */

/** Longest delay of a Node timer: a longer one fires after 1 ms (Node's TIMEOUT_MAX). */
export const TIMER_MAX = 2 ** 31 - 1;
