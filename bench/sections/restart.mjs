// What the page says about the time from a kill to the next answer.
import { labelOf } from '../lib/modes.mjs';
import { median, sum } from '../lib/processes.mjs';

export function sections({ modes }) {
  const names = Object.keys(modes);
  const times = (mode) => modes[mode].map(({ ms }) => ms);
  const middle = (mode) => median(times(mode));
  return [
    {
      title: 'From a kill to the next answer',
      lead: `After the SIGKILL of a worker prefork \`'shared'\` takes **${(middle('shared') / middle('cluster')).toFixed(2)} ×** as long as node:cluster until the replacement has answered: ${middle('shared').toFixed(0)} ms and ${middle('cluster').toFixed(0)} ms.`,
      tables: [
        {
          columns: {
            server: (mode) => labelOf(mode),
            'median (ms)': (mode) => middle(mode).toFixed(0),
            'best (ms)': (mode) => Math.min(...times(mode)).toFixed(0),
            'worst (ms)': (mode) => Math.max(...times(mode)).toFixed(0),
            kills: (mode) => modes[mode].length,
            'clients meanwhile': (mode) => sum(modes[mode], ({ clients }) => clients),
            'refused or reset': (mode) => sum(modes[mode], ({ refused }) => refused),
            'never answered': (mode) => sum(modes[mode], ({ unanswered }) => unanswered),
          },
          rows: names,
        },
      ],
      charts: [
        {
          name: 'restart',
          title: 'From the SIGKILL of a worker to the first answer of its replacement',
          unit: 'ms',
          kind: 'bars',
          categories: ['median'],
          series: names.map((mode) => ({ mode, label: labelOf(mode), values: [middle(mode)] })),
        },
      ],
      how: `How: a fleet of one worker, so that the next answer is the replacement's. A client connects right after the kill, and
another one every 5 ms; each waits. *Never answered*: neither an answer nor an end 0.6 s after the first answer. node:cluster forks again in its 'exit' event; prefork has \`recoverInterval: 0\` here, because its default waits 100 ms and more from the
second exit of a slot on; PM2 has its defaults. Most of the time is the start of Node.`,
    },
  ];
}
