// What the page says about workers that outlive their master.
import { labelOf } from '../lib/modes.mjs';

const CASES = {
  'shared, grace period 500 ms': "'shared', shutdownGracePeriod: 500",
  "shared, onMasterDeath: 'kill'": "'shared', onMasterDeath: 'kill'",
};
const nameOf = ({ name, mode }) => CASES[name] ?? labelOf(mode);

export function sections({ rows, workers, after, last }) {
  const of = (wanted) => rows.find(({ name }) => name === wanted);
  const kill = of("shared, onMasterDeath: 'kill'");
  const when = `${after / 1_000} s`;
  return [
    {
      title: 'Survivors of the master',
      lead: `${when} after the SIGKILL of the master **${kill.survivors} of ${workers}** blocked workers of prefork with \`onMasterDeath: 'kill'\` are left, ${of('shared').survivors} with the defaults, which give them 5 s to finish (after ${last / 1_000} s: ${of('shared').left}), and ${of('cluster').survivors} of node:cluster (after ${last / 1_000} s: ${of('cluster').left}).`,
      tables: [
        {
          columns: {
            server: nameOf,
            [`left after ${when}`]: ({ survivors }) => `${survivors} of ${workers}`,
            [`left after ${last / 1_000} s`]: ({ left }) => `${left} of ${workers}`,
            'all gone after': ({ goneIn }) =>
              goneIn === undefined ? 'never seen' : `${(goneIn / 1_000).toFixed(1)} s`,
          },
          rows,
        },
      ],
      charts: [
        {
          name: 'survivors',
          title: `Blocked workers that are left after the SIGKILL of their master, of ${workers}`,
          unit: '',
          kind: 'bars',
          categories: [`after ${when}`, `after ${last / 1_000} s`],
          series: rows.map((row, i) => ({
            mode: ['cluster', 'pm2', 'shared', 'sharded', 'reuseport'][i],
            label: nameOf(row),
            values: [row.survivors, row.left],
          })),
        },
      ],
      how: `How: the event loop of every worker stands still in a synchronous call. A worker that is not blocked drains, in each of them.`,
    },
  ];
}

export function bounds({ rows, after, last }) {
  const of = (wanted) => rows.find(({ name }) => name === wanted);
  return [
    { what: `blocked workers left after ${last / 1_000} s, 'shared'`, most: 0, value: of('shared')?.left },
    {
      what: `blocked workers left after ${after / 1_000} s, onMasterDeath: 'kill'`,
      most: 0,
      value: of("shared, onMasterDeath: 'kill'")?.survivors,
    },
  ];
}
