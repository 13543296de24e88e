// What the page says about the spread of connections, and its bounds.
import { labelOf } from '../lib/modes.mjs';
import { median, sum } from '../lib/processes.mjs';

/** Most divided by least; a worker without a connection counts as one. */
const maxByMin = (counts) => counts[0] / Math.max(1, counts.at(-1));

export function deviation(counts) {
  const mean = sum(counts, (count) => count) / counts.length;
  return Math.sqrt(sum(counts, (count) => (count - mean) ** 2) / counts.length);
}

/** The trial in the middle: its counts are shown. */
const middle = (trials, of) => trials.toSorted((a, b) => of(a) - of(b))[(trials.length - 1) >> 1];
const worstOf = (trials, of) => median(trials.map(of));

export function sections({ modes, held, webSockets, atATime }) {
  const names = Object.keys(modes);
  const spread = (trials) => `${middle(trials, maxByMin).join(', ')} (${worstOf(trials, maxByMin).toFixed(2)})`;
  const { shared, cluster } = modes;
  const ratio = worstOf(shared.held, maxByMin) / worstOf(cluster.held, maxByMin);
  const ratios = {
    [`${held} that stay`]: ({ held: trials }) => worstOf(trials, maxByMin),
    'after a reload': ({ reloaded }) => worstOf(reloaded, maxByMin),
    'after 2 → 4 workers': ({ scaled }) => worstOf(scaled, maxByMin),
    'short, 8 workers': ({ short }) => maxByMin(short),
  };
  return [
    {
      title: 'Spread',
      lead: `prefork \`'shared'\` deals ${held} connections that stay, opened one after another over 4 workers, **${ratio.toFixed(2)} ×** as unevenly as node:cluster: the busiest worker has ${worstOf(shared.held, maxByMin).toFixed(2)} × as many as the idlest (node:cluster ${worstOf(cluster.held, maxByMin).toFixed(2)} ×).`,
      tables: [
        {
          about: `Connections by worker, the most first, and in brackets most / least. In the middle of the trials:`,
          columns: {
            server: (mode) => labelOf(mode),
            [`${held} that stay`]: (mode) => spread(modes[mode].held),
            [`${webSockets} WebSockets`]: (mode) => spread(modes[mode].webSockets),
            'their standard deviation': (mode) => worstOf(modes[mode].webSockets, deviation).toFixed(1),
            'after a reload': (mode) => spread(modes[mode].reloaded),
            'after 2 → 4 workers': (mode) => spread(modes[mode].scaled),
          },
          rows: names,
        },
        {
          about: `Short connections, ${atATime} at a time over 8 workers:`,
          columns: {
            server: (mode) => labelOf(mode),
            'by worker': (mode) => modes[mode].short.join(', '),
            'most / least': (mode) => maxByMin(modes[mode].short).toFixed(2),
          },
          rows: names,
        },
      ],
      charts: [
        {
          name: 'spread',
          title: 'Connections of the busiest worker / of the idlest (1 is even)',
          unit: '×',
          kind: 'bars',
          log: true,
          categories: Object.keys(ratios),
          series: names.map((mode) => ({
            mode,
            label: labelOf(mode),
            values: Object.values(ratios).map((of) => of(modes[mode])),
          })),
        },
      ],
      how: `How: every worker has served before. A connection *that stays* asks once and is then idle; the next is opened when it has been answered.
WebSockets are opened alike. The reload is rolling, as each server does it by default; the application ends the WebSockets of a worker that is
replaced, and their clients come back at once. *After 2 → 4 workers*: ${held / 2} connections that stay, then the workers become four, then as many
connections again; even means that the new workers get what evens them out.`,
    },
  ];
}

export function bounds({ modes: { shared } }) {
  if (shared === undefined) return [];
  return [
    {
      what: "400 connections that stay over 4 workers, 'shared': most / least",
      most: 1.1,
      value: worstOf(shared.held, maxByMin),
    },
    {
      what: "240 WebSockets over 4 workers, 'shared': standard deviation",
      most: 3,
      value: worstOf(shared.webSockets, deviation),
    },
    {
      what: "240 WebSockets after a rolling reload, 'shared': most / least",
      most: 1.5,
      value: worstOf(shared.reloaded, maxByMin),
    },
    {
      what: "after 2 → 4 workers under new connections, 'shared': most / least",
      most: 1.5,
      value: worstOf(shared.scaled, maxByMin),
    },
  ];
}
