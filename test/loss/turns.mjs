/**
 * How often a scenario does what it does: `while (turns.next())`, at most `count` times, and not beyond the deadline: a machine
 * that is too slow for all of it does less, and the table says so.
 */
export function makeTurns(count, within) {
  const end = performance.now() + within;
  let done = 0;
  return {
    count,
    next() {
      if (done >= count || this.late) return false;
      done++;
      return true;
    },
    get late() {
      return performance.now() >= end;
    },
    get done() {
      return done;
    },
  };
}
