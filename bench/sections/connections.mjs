// What the page says about CPU time and wake-ups, and the bounds of both.
import { medianOf, ratioOf } from '../lib/interleaved.mjs';
import { baseOf, labelOf, MODES } from '../lib/modes.mjs';

const find = ({ scenarios }, workers, concurrency, kind = 'close') =>
  scenarios.find((each) => each.workers === workers && each.concurrency === concurrency && each.kind === kind);

/** @returns the ratio, or undefined where one of the two was not measured. */
function ratio(scenario, one, other, count) {
  const [used] = scenario?.rounds ?? [{}];
  return used[one] === undefined || used[other] === undefined ? undefined : ratioOf(scenario, [one, other], count);
}

const value = (scenario, mode, count) =>
  scenario?.rounds[0][mode] === undefined ? undefined : medianOf(scenario, mode, count);

const cell = (number, digits) => (number === undefined ? '–' : number.toFixed(digits));

export function sections(data) {
  const lone = data.scenarios.filter(({ kind, concurrency }) => kind === 'close' && concurrency === 1);
  const few = data.scenarios.filter(({ kind, workers }) => kind === 'close' && [2, 4, 8].includes(workers));
  const modesOf = (scenarios) =>
    Object.keys(MODES).filter((mode) => scenarios.some(({ rounds }) => rounds[0][mode] !== undefined));
  const chartOf = (name, title, unit, kind, scenarios, modes, count, category) => ({
    name,
    title,
    unit,
    kind,
    categories: scenarios.map(category),
    series: modes.map((mode) => ({
      mode,
      label: labelOf(mode),
      values: scenarios.map((each) => value(each, mode, count)),
    })),
  });
  const tableOf = (scenarios, count, digits, about) => ({
    about,
    columns: {
      server: (mode) => labelOf(mode),
      ...Object.fromEntries(scenarios.map((each) => [named(each), (mode) => cell(value(each, mode, count), digits)])),
    },
    rows: modesOf(scenarios),
  });
  const relative = (scenarios) => ({
    about: 'Divided by one process of the same Node, median of the rounds:',
    columns: {
      server: (mode) => labelOf(mode),
      ...Object.fromEntries(scenarios.map((each) => [named(each), (mode) => cell(ratio(each, mode, baseOf(mode)), 2)])),
    },
    rows: modesOf(scenarios).filter((mode) => !mode.startsWith('single')),
  });
  const at4 = find(data, 4, 1);
  const kept = find(data, 4, 32, 'keep-alive');
  const grown = lone.filter(({ workers }) => [1, 2, 4, 16, 64].includes(workers));
  const growing = modesOf(grown.filter(({ workers }) => workers >= 16));
  const main = modesOf(few).filter((mode) => mode !== 'single-24');
  return [
    {
      title: 'CPU per connection',
      lead: `prefork \`'shared'\` needs **${cell(ratio(at4, 'shared', 'cluster'), 2)} ×** the CPU of node:cluster, ${cell(ratio(at4, 'shared', 'pm2'), 2)} × that of PM2 and ${cell(ratio(at4, 'shared', 'single'), 2)} × that of one process, with 4 workers and one connection at a time.`,
      tables: [
        tableOf(few, 'cpu', 1, 'Microseconds of CPU per connection, all processes of the server together:'),
        relative(few),
      ],
      charts: [
        chartOf('cpu', 'CPU per connection (Connection: close)', 'µs', 'bars', few, main, 'cpu', (each) =>
          named(each).replace(', ', '\n'),
        ),
        chartOf(
          'cpu-growth',
          'CPU per connection, one at a time, by the number of workers',
          'µs',
          'lines',
          grown,
          growing,
          'cpu',
          count,
        ),
      ],
      how: `How: one HTTP request on a connection of its own. The client is a process in C++ and not counted. All servers run at once and take turns
of some thousand connections in random order, so that other work on the machine meets all alike. CPU is user and system time of all threads of
all processes, masters included (\`/proc/<pid>/task/*/schedstat\`). The number is the median over the rounds.`,
    },
    {
      title: 'CPU per request on connections that are kept',
      lead: `prefork \`'shared'\` needs **${cell(ratio(kept, 'shared', 'cluster'), 2)} ×** the CPU of node:cluster for a request on a connection that is kept, and ${cell(ratio(kept, 'shared', 'single'), 2)} × that of one process.`,
      tables: kept === undefined ? [] : [tableOf([kept], 'cpu', 1, 'Microseconds of CPU per request:')],
      charts:
        kept === undefined
          ? []
          : [
              chartOf(
                'keep-alive',
                'CPU per keep-alive request, 4 workers, 32 connections',
                'µs',
                'bars',
                [kept],
                modesOf([kept]).filter((mode) => mode !== 'single-24'),
                'cpu',
                () => '4 workers, 32 connections',
              ),
            ],
      how: 'How: as above, with 32 connections that are opened once per turn and kept. What is shared is only who accepted them: the worker then talks to its clients alone, whatever accepted for it.',
    },
    {
      title: 'Wake-ups per connection',
      lead: `prefork \`'shared'\` wakes **${cell(ratio(at4, 'shared', 'cluster', 'switches'), 2)} ×** as often as node:cluster: ${cell(value(at4, 'shared', 'switches'), 2)} times for a connection where one process wakes ${cell(value(at4, 'single', 'switches'), 2)} times, with 4 workers and one connection at a time.`,
      tables: [
        tableOf(
          lone,
          'switches',
          2,
          'Voluntary context switches per connection, all processes of the server together:',
        ),
      ],
      charts: [
        chartOf(
          'wake-ups',
          'Wake-ups per connection, one at a time, by the number of workers',
          '',
          'lines',
          grown,
          growing,
          'switches',
          count,
        ),
      ],
      how: 'How: `voluntary_ctxt_switches` of all threads of all processes of the server, masters included, in the same turns as the CPU above.',
    },
  ];
}

function named({ workers, concurrency, kind }) {
  return kind === 'close'
    ? `${count({ workers })}, ${concurrency} at a time`
    : `${count({ workers })}, ${concurrency} kept`;
}

function count({ workers }) {
  return workers === 1 ? '1 worker' : `${workers} workers`;
}

export function bounds(data) {
  const rows = [];
  const cpu = (workers, concurrency, one, other, most) =>
    rows.push({
      what: `CPU per connection, ${workers} workers, ${concurrency} at a time: ${labelOf(one)} / ${labelOf(other)}`,
      most,
      value: ratio(find(data, workers, concurrency), one, other),
    });
  for (const workers of [2, 4, 8, 16]) {
    rows.push({
      what: `wake-ups per connection, ${workers} workers, 1 at a time: ${labelOf('shared')}`,
      most: 1.15,
      value: value(find(data, workers, 1), 'shared', 'switches'),
    });
  }
  for (const workers of [2, 4, 8]) {
    cpu(workers, 1, 'shared', 'single', 1.05);
    cpu(workers, 1, 'shared', 'cluster', 0.42);
  }
  cpu(4, 1, 'shared', 'plain', 0.45);
  cpu(8, 1, 'shared', 'plain', 0.25);
  cpu(8, 32, 'shared', 'sharded', 1);
  cpu(8, 32, 'shared', 'plain', 0.65);
  // With a worker for each CPU, which is the default.
  cpu(2, 32, 'shared', 'single', 1.05);
  cpu(2, 32, 'shared', 'cluster', 0.5);
  cpu(2, 32, 'sharded', 'shared', 1.05);
  return rows;
}
