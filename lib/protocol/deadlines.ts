/**
 * The end of a worker that drains, drawn once. Master and worker count from the same deadline, each by its own clock:
 *
 *     deadline                      the worker cuts what it still has, and logs what that was
 *      + IDLE_ENDS_MS               the worker ends, if only idle connections had been left: the code behind `prefork()` had this long
 *      + MASTER_KILLS_MS            the master sends SIGKILL
 *      + NATIVE_ENDS_MS             without a master: a native thread ends the worker, also while its event loop is blocked
 *
 * The thread does not count time in which the whole process stood still, and as much as half a second in which the event loop got no CPU
 * (native/core/overtime.h): it ends an event loop that is blocked, not one that has had no turn.
 *
 * Only in this order does a worker get to say what kept it, and does a master that lives have the last word.
 */

export const IDLE_ENDS_MS = 100;
export const MASTER_KILLS_MS = 200;
export const NATIVE_ENDS_MS = 250;

/**
 * What is left of the time that an order gave, for a worker that read it late: the master has counted from when it sent it.
 * @param late Milliseconds from then to now. More than such a worker has to live shows that the two have different clocks.
 */
export function leftOf(timeout: number, late: number): number {
  const possible = late > 0 && late < timeout + MASTER_KILLS_MS;
  return possible ? Math.max(0, timeout - late) : timeout;
}
