// What the page says about lost requests, and the bounds.
import { labelOf } from '../lib/modes.mjs';

const NAMES = { reloads: 'reloads', SIGKILLs: 'SIGKILLs of workers', 'stops behind a proxy': 'stops behind nginx' };
const of = (rows, scenario, mode) => rows.find((row) => row.scenario === scenario && row.mode === mode);

export function sections({ rows }) {
  const reload = (mode) => of(rows, 'reloads', mode);
  const share = ({ lost, asked }) => `${lost} of ${asked.toLocaleString('en')}`;
  const modes = [...new Set(rows.map(({ mode }) => mode))];
  const lead = `In ${reload('shared').done} reloads prefork \`'shared'\` loses **${reload('shared').lost}** requests of ${reload('shared').asked.toLocaleString('en')}, node:cluster ${share(reload('cluster'))}.`;
  const unjust = (row) => Math.max(0, row.lost - row.allowed);
  return [
    {
      title: 'Lost requests',
      lead,
      tables: [
        {
          columns: {
            scenario: ({ scenario, done, wanted }) =>
              `${done}${done < wanted ? ` (of ${wanted}, too slow)` : ''} ${NAMES[scenario]}`,
            server: ({ mode }) => labelOf(mode),
            'lost, of so many requests': share,
            'had been accepted by a killed worker': ({ allowed, scenario }) =>
              scenario === 'SIGKILLs' ? `at most ${allowed}` : '–',
          },
          rows,
        },
      ],
      charts: [
        {
          name: 'lost',
          title: 'Requests lost that no killed worker had accepted',
          unit: '',
          kind: 'bars',
          categories: Object.keys(NAMES)
            .filter((name) => of(rows, name, 'shared') !== undefined)
            .map((name) => NAMES[name]),
          series: modes.map((mode) => ({
            mode,
            label: labelOf(mode),
            values: Object.keys(NAMES)
              .map((name) => of(rows, name, mode))
              .filter((row) => row !== undefined)
              .map(unjust),
          })),
        },
      ],
      how: `How: the scenarios of \`npm run test:loss\`, whose head says what each does. Two client processes make a connection for every request, or keep
theirs, and try nothing twice. Behind nginx they are POSTs, which nginx does not repeat: lost is what was answered with 502. The workers of
node:cluster are replaced one by one by \`disconnect()\`; behind nginx it does what a careful program does. A killed worker takes along what it had
accepted: "at most" counts those connections.`,
    },
  ];
}

export function bounds({ rows }) {
  return ['shared', 'sharded'].flatMap((mode) =>
    Object.keys(NAMES).flatMap((scenario) => {
      const row = of(rows, scenario, mode);
      if (row === undefined) return [];
      const what = `lost in ${row.done} ${NAMES[scenario]}, ${labelOf(mode)}${scenario === 'SIGKILLs' ? ', beyond what they had accepted' : ''}`;
      return [{ what, most: 0, value: Math.max(0, row.lost - row.allowed) }];
    }),
  );
}
