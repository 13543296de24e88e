// What the page says about the cost of counting, and its bound.
import { median } from '../lib/processes.mjs';

const TITLES = { 'keep-alive': 'a request on a kept connection', close: 'a request with a connection of its own' };

/** Over all pairs of servers the median of the ratio of a pair. */
function ratioOf({ pairs }, kind) {
  return median(pairs.map((pair) => median(pair[kind].map(({ on, off }) => on / off))));
}

function costOf({ pairs }, kind, mode) {
  return median(pairs.flatMap((pair) => pair[kind].map((round) => round[mode])));
}

/** Half of the pairs lie in it. */
function spreadOf({ pairs }, kind) {
  const sorted = pairs.map((pair) => median(pair[kind].map(({ on, off }) => on / off))).sort((a, b) => a - b);
  const at = (share) => sorted[Math.round((sorted.length - 1) * share)].toFixed(3);
  return `${at(0.25)}–${at(0.75)}`;
}

export function bounds(data) {
  return data.kinds.map((kind) => ({
    what: `CPU with the scoreboard / without, ${TITLES[kind]}`,
    most: 1.01,
    value: ratioOf(data, kind),
  }));
}

export function sections(data) {
  const micros = (value) => `${value.toFixed(1)} µs`;
  return [
    {
      title: 'Cost of the scoreboard',
      lead: `A worker that counts, and times its event loop, takes **${ratioOf(data, 'keep-alive').toFixed(3)} ×** the CPU of one that does not (\`scoreboard: false\`), for a request on a kept connection.`,
      tables: [
        {
          columns: {
            '': (kind) => TITLES[kind],
            'with / without': (kind) => ratioOf(data, kind).toFixed(3),
            'half of the pairs': (kind) => spreadOf(data, kind),
            without: (kind) => micros(costOf(data, kind, 'off')),
            with: (kind) => micros(costOf(data, kind, 'on')),
          },
          rows: data.kinds,
        },
      ],
      how: `How: ${data.pairs.length} pairs of fleets of one worker each, with 32 connections at a time. The two of a pair take turns. Two processes of one program differ by several
hundredths for as long as they live, so the ratio is the median over the pairs.`,
    },
  ];
}
