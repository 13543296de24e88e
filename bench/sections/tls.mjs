// What the page says about the resumption of TLS sessions.
import { labelOf } from '../lib/modes.mjs';

export function sections({ modes, workers }) {
  const names = Object.keys(modes);
  const share = ({ resumed, count }) => resumed / count;
  const percent = (mode) => `${Math.round(share(modes[mode]) * 100)} %`;
  return [
    {
      title: 'TLS session resumption',
      lead: `Clients of prefork \`'shared'\` resume **${(share(modes.shared) / Math.max(0.01, share(modes.cluster))).toFixed(1)} ×** as many sessions as those of node:cluster: ${percent('shared')} and ${percent('cluster')}, over ${workers} workers.`,
      tables: [
        {
          columns: {
            server: (mode) => labelOf(mode),
            resumed: (mode) => percent(mode),
            'of connections': (mode) => modes[mode].count,
            'workers that answered': (mode) => modes[mode].workers,
          },
          rows: names,
        },
      ],
      charts: [
        {
          name: 'tls',
          title: `TLS sessions that are resumed, ${workers} workers`,
          unit: '%',
          kind: 'bars',
          categories: ['TLS 1.3, tickets'],
          series: names.map((mode) => ({ mode, label: labelOf(mode), values: [share(modes[mode]) * 100] })),
        },
      ],
      how: `How: each connection offers the latest ticket that the client got; the last 16 connections stay open, so that further ones meet other workers. The
workers of prefork share their ticket keys (the option \`tls\`); those of node:cluster are plain \`https\` servers.`,
    },
  ];
}
