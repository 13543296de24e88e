// What the page says about clients that wait behind a blocked worker, and the bounds.
import { labelOf } from '../lib/modes.mjs';

const CASES = {
  burst: ({ burst }) => `${burst} at once`,
  inARow: ({ inARow }) => `${inARow} one by one`,
  overHeld: ({ burst, held }) => `${burst} at once, ${held} held`,
};

export function sections(data) {
  const { modes, workers, late, blockedFor } = data;
  const names = Object.keys(modes);
  const { shared, cluster } = modes;
  const ratio = shared.blocked.burst.p99 / cluster.blocked.burst.p99;
  const rows = names.flatMap((mode) =>
    Object.keys(CASES).map((name) => ({
      mode,
      name,
      free: modes[mode].free[name],
      blocked: modes[mode].blocked[name],
    })),
  );
  const milliseconds = (number) => number.toFixed(number < 10 ? 1 : 0);
  return [
    {
      title: 'Waiting behind a blocked worker',
      lead: `While one of ${workers} workers is blocked, 99 % of the clients of prefork \`'shared'\` have their answer within ${milliseconds(shared.blocked.burst.p99)} ms, which is **${ratio.toPrecision(2)} ×** the time of node:cluster (${milliseconds(cluster.blocked.burst.p99)} ms); later than ${late} ms are ${shared.blocked.burst.late} of ${shared.blocked.burst.count} and ${cluster.blocked.burst.late} of ${cluster.blocked.burst.count}.`,
      tables: [
        {
          about: `Milliseconds from connect to the end of the answer, while nobody is blocked, and while one worker is for ${blockedFor / 1_000} s:`,
          columns: {
            server: ({ mode }) => labelOf(mode),
            connections: ({ name }) => CASES[name](data),
            'median, nobody': ({ free }) => milliseconds(free.median),
            'p99, nobody': ({ free }) => milliseconds(free.p99),
            'median, blocked': ({ blocked }) => milliseconds(blocked.median),
            'p99, blocked': ({ blocked }) => milliseconds(blocked.p99),
            'max, blocked': ({ blocked }) => milliseconds(blocked.max),
            [`later than ${late} ms`]: ({ blocked }) => `${blocked.late} of ${blocked.count}`,
          },
          rows,
        },
      ],
      charts: [
        {
          name: 'delay',
          title: `99 % answered within, while one of ${workers} workers is blocked for ${blockedFor / 1_000} s`,
          unit: 'ms',
          kind: 'bars',
          log: true,
          categories: Object.values(CASES).map((text) => text(data)),
          series: names.map((mode) => ({
            mode,
            label: labelOf(mode),
            values: Object.keys(CASES).map((name) => modes[mode].blocked[name].p99),
          })),
        },
      ],
      how: `How: one worker's event loop stands still in a synchronous call that waits and takes no CPU, from just before the first connection on. The
client is a process in C++. *Held*: so many idle keep-alive connections are open meanwhile.`,
    },
  ];
}

export function bounds({ modes: { shared }, late }) {
  if (shared === undefined) return [];
  const what = (text) => `one of 4 workers blocked, 'shared': ${text}`;
  return [
    { what: what(`later than ${late} ms, bursts`), most: 0, value: shared.blocked.burst.late },
    { what: what(`later than ${late} ms, one by one`), most: 0, value: shared.blocked.inARow.late },
    {
      what: what('median of a burst over held connections / the same with nobody blocked'),
      most: 1.3,
      value: shared.blocked.overHeld.median / shared.free.overHeld.median,
    },
  ];
}
