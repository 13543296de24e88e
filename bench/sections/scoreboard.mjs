// What the page says about the cost of counting, and its bound.
import { median } from '../lib/processes.mjs';

const TITLES = { 'keep-alive': 'a request on a kept connection', close: 'a request with a connection of its own' };

/** A request that has a turn of the event loop for itself: what counting adds to both, in proportion to all that the request takes. */
function addedBy(data, kind) {
  const { request, turn } = data.added;
  return 1 + (Math.max(0, request) + Math.max(0, turn)) / 1_000 / costOf(data, kind, 'off');
}

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
    value: addedBy(data, kind),
  }));
}

export function sections(data) {
  const micros = (value) => `${value.toFixed(1)} µs`;
  return [
    {
      title: 'Cost of the scoreboard',
      lead: `A worker that counts, and times its event loop, takes **${addedBy(data, 'keep-alive').toFixed(4)} ×** the CPU of one that does not (\`scoreboard: false\`), for a request on a kept connection: ${Math.round(data.added.request)} ns more for the request, and ${Math.round(Math.max(0, data.added.turn))} ns for a turn of the event loop.`,
      tables: [
        {
          columns: {
            '': (kind) => TITLES[kind],
            'with / without': (kind) => addedBy(data, kind).toFixed(4),
            'whole servers': (kind) => ratioOf(data, kind).toFixed(3),
            'half of the pairs': (kind) => spreadOf(data, kind),
            without: (kind) => micros(costOf(data, kind, 'off')),
            with: (kind) => micros(costOf(data, kind, 'on')),
          },
          rows: data.kinds,
        },
      ],
      how: `How: one process does what counting adds to a request and to a turn, a million times, and another one does the rest of it; the bound is for a request that
has a turn for itself. *Whole servers*: ${data.pairs.length} pairs of fleets of one worker each, with 32 connections at a time. The two of a pair take turns. Two processes of one program differ by several
hundredths for as long as they live, and more on a busy machine: the median over the pairs shows no less than that.`,
    },
  ];
}
