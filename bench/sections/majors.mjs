// What the page says about further majors of Node, and the bounds.
import { medianOf, ratioOf } from '../lib/interleaved.mjs';
import { baseOf } from '../lib/modes.mjs';

const fleetsOf = ({ rounds: [used] }) =>
  Object.keys(used)
    .filter((mode) => mode.startsWith('shared'))
    .filter((mode) => used[baseOf(mode)] !== undefined);

export function sections(data, { measures, peers }) {
  const own = measures.majors.machine.node.slice(1);
  const version = (mode) => (mode === 'shared' ? own : peers[`node${mode.split('@')[1]}`]?.version);
  const rows = fleetsOf(data);
  const ratio = (mode) => ratioOf(data, [mode, baseOf(mode)]).toFixed(2);
  const wakes = (mode) => medianOf(data, mode, 'switches').toFixed(2);
  const newest = rows.at(-1);
  return [
    {
      title: 'On other majors of Node',
      lead: `On Node ${version(newest)} prefork \`'shared'\` needs **${ratio(newest)} ×** the CPU of one process, on Node ${own} ${ratio('shared')} ×.`,
      tables: [
        {
          about: `${data.workers} workers, one connection at a time:`,
          columns: {
            Node: version,
            'one process (µs)': (mode) => medianOf(data, baseOf(mode), 'cpu').toFixed(1),
            "'shared' (µs)": (mode) => medianOf(data, mode, 'cpu').toFixed(1),
            ratio,
            'wake-ups, one process': (mode) => medianOf(data, baseOf(mode), 'switches').toFixed(2),
            "wake-ups, 'shared'": wakes,
          },
          rows,
        },
      ],
      charts: [
        {
          name: 'majors',
          title: `Wake-ups per connection by the version of Node, ${data.workers} workers`,
          unit: '',
          kind: 'bars',
          categories: rows.map((mode) => `Node ${version(mode)}`),
          series: [
            {
              mode: 'single',
              label: 'one process',
              values: rows.map((mode) => medianOf(data, baseOf(mode), 'switches')),
            },
            { mode: 'shared', label: "'shared'", values: rows.map((mode) => medianOf(data, mode, 'switches')) },
          ],
        },
      ],
      how: 'How: as for the CPU per connection, all of them taking turns.',
    },
  ];
}

export function bounds(data) {
  return fleetsOf(data).flatMap((mode) => {
    const where = mode === 'shared' ? 'this Node' : `Node ${mode.split('@')[1]}`;
    const what = `4 workers, 1 at a time, on ${where}: `;
    return [
      { what: `${what}wake-ups per connection, 'shared'`, most: 1.15, value: medianOf(data, mode, 'switches') },
      { what: `${what}CPU, 'shared' / one process`, most: 1.05, value: ratioOf(data, [mode, baseOf(mode)]) },
    ];
  });
}
