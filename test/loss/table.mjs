// What the suite prints.

const COLUMNS = {
  sharing: ({ fleet }) => fleet,
  done: ({ done, count }) => `${done}/${count}`,
  seconds: ({ seconds }) => seconds.toFixed(0),
  connections: ({ opened }) => opened,
  requests: ({ asked }) => asked,
  answered: ({ answered }) => answered,
  '> 500 ms': ({ delayed }) => delayed,
  'of these held': ({ held }) => held,
  'slowest (ms)': ({ worst }) => worst,
  reset: ({ reset }) => reset,
  refused: ({ refused }) => refused,
  other: ({ other }) => other,
  lost: ({ lost }) => lost,
  allowed: ({ allowed }) => allowed,
  verdict: ({ verdict }) => verdict,
};
const WIDTHS = Object.keys(COLUMNS).map((heading) => Math.max(heading.length, heading === 'sharing' ? 14 : 6));

export const HOW_TO_READ = `A row is one fleet of 4 workers under the load of two client processes: one makes a connection for every request, the
other keeps its connections. No client tries anything twice. Scenarios that say so have clients of their own:
  kept connections at the deadline: 300 of them; the worker ends them 1 s after it was replaced, and every client sends its last request
                 at about that time, unless it has heard of the end. "requests" are those that were sent.
  stops behind a proxy: nginx in front of two fleets of 2 workers, 300 POSTs a second; reset = 502
  Pods replaced behind a proxy: the same with drainDelay and 300 GETs and POSTs a second; a controller gives nginx the fleets whose
                 /ready is true
  done           so many of so many times: a machine that is too slow for all of it in 40 s does less, which is a failure (--may-leave-out)
  connections    that the clients opened; requests: that they made on these
  > 500 ms       answered, but later than that; "held": by a worker that stood still when it had already accepted the connection,
                 which nothing can help, so the difference of both columns is what was delayed needlessly
                 (mixed: it happens that all workers stand still at once, and then every client waits)
  lost           = reset + refused + other (no answer within 20 s, a wrong one)
  allowed        what may be lost: the connections that killed workers had accepted when they were killed
  verdict        ok: no more was lost than allowed. Only shared and sharded promise that; the others are there to be compared.
`;

/** @param rows Those of one scenario. */
export function table(name, rows) {
  return [name, line(Object.keys(COLUMNS)), ...rows.map((row) => line(Object.values(COLUMNS).map((cell) => cell(row))))]
    .join('\n')
    .concat('\n');
}

function line(cells) {
  return cells
    .map((cell, i) => (i === 0 ? String(cell).padEnd(WIDTHS[i]) : String(cell).padStart(WIDTHS[i])))
    .join('  ');
}
