// Several cells at a time, where each has a fleet of its own.

/** @returns what `make` returns for each, in the order in which they are done. */
export async function* inTurn(items, jobs, make) {
  const running = new Set();
  const start = (item) => {
    const job = make(item).then((value) => ({ job, value }));
    running.add(job);
  };
  const rest = items[Symbol.iterator]();
  for (;;) {
    while (running.size < jobs) {
      const { value, done } = rest.next();
      if (done) break;
      start(value);
    }
    if (running.size === 0) return;
    const { job, value } = await Promise.race(running);
    running.delete(job);
    yield value;
  }
}
