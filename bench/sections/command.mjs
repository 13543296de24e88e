// What the page says about the command, and its bounds.
import { medianOf, ratioOf } from '../lib/interleaved.mjs';
import { labelOf } from '../lib/modes.mjs';
import { median } from '../lib/processes.mjs';

const has = ({ rounds: [used = {}] }, ...modes) => modes.every((mode) => used[mode] !== undefined);
const ratio = (scenario, one, other, count) =>
  scenario !== undefined && has(scenario, one, other) ? ratioOf(scenario, [one, other], count) : undefined;
const cell = (number, digits = 2) => (number === undefined ? '–' : number.toFixed(digits));
const at = ({ scenarios }, concurrency) => scenarios.find((each) => each.concurrency === concurrency);

/** The median, and what it is more than node alone, in starts of a program that does nothing. */
function startsOf({ starts: { node, ...apps } }) {
  const empty = median(node);
  return Object.entries(apps).flatMap(([app, rounds]) => {
    const of = (kind) => median(rounds.map((round) => round[kind]));
    const plain = of('plain');
    return ['plain', 'command', 'prefork'].map((kind) => ({
      ...{ app, kind, ms: of(kind) },
      ...(kind !== 'plain' && { more: (of(kind) - plain) / empty }),
    }));
  });
}

const KINDS = { plain: 'node app.js', command: 'npx prefork app.js', prefork: 'prefork() in app.js' };

export function sections(data) {
  const busy = at(data, 32);
  const modes = Object.keys(busy.rounds[0]);
  const starts = startsOf(data);
  const small = starts.find(({ app, kind }) => app === 'small' && kind === 'command');
  return [
    {
      title: 'An unmodified program under the command',
      lead: `An Express application under \`npx prefork app.js\` needs **${cell(ratio(busy, 'command', 'shared'))} ×** the CPU of the same application with \`prefork()\`, and ${cell(ratio(busy, 'command', 'pm2'))} × that under PM2, with ${busy.workers} workers and 32 connections at a time. Its first answer comes ${cell(small.more, 1)} starts of \`node -e 0\` later than without the command.`,
      tables: [
        {
          about: `Express, ${busy.workers} workers: microseconds of CPU, and wake-ups, per connection:`,
          columns: {
            server: (mode) => labelOf(mode),
            'CPU, 1 at a time': (mode) => cell(medianOf(at(data, 1), mode, 'cpu'), 1),
            'CPU, 32 at a time': (mode) => cell(medianOf(busy, mode, 'cpu'), 1),
            'wake-ups, 1 at a time': (mode) => cell(medianOf(at(data, 1), mode, 'switches')),
            'wake-ups, 32 at a time': (mode) => cell(medianOf(busy, mode, 'switches')),
          },
          rows: modes,
        },
        {
          about: `Milliseconds until the first answer, one worker; \`node -e 0\` takes ${cell(median(data.starts.node), 0)}:`,
          columns: {
            application: ({ app }) => app,
            start: ({ kind }) => KINDS[kind],
            ms: ({ ms }) => cell(ms, 0),
            'more than node alone, in starts of `node -e 0`': ({ more }) => cell(more),
          },
          rows: starts,
        },
      ],
      charts: [],
      how: 'How: the servers take turns, as above. The start is measured by a client that asks every millisecond; every round starts each program once.',
    },
  ];
}

export function bounds(data) {
  const rows = [1, 32].flatMap((concurrency) => [
    {
      what: `CPU per connection, Express, ${concurrency} at a time: the command / prefork()`,
      most: 1.03,
      value: ratio(at(data, concurrency), 'command', 'shared'),
    },
    {
      what: `wake-ups per connection, Express, ${concurrency} at a time: the command / prefork()`,
      most: 1.03,
      value: ratio(at(data, concurrency), 'command', 'shared', 'switches'),
    },
    {
      what: `CPU per connection, Express, ${concurrency} at a time: the command / PM2`,
      most: 0.45,
      value: ratio(at(data, concurrency), 'command', 'pm2'),
    },
  ]);
  // In starts of a program that does nothing.
  const most = { command: 1.2, prefork: 1.56 };
  for (const { app, kind, more } of startsOf(data)) {
    if (more !== undefined) rows.push({ what: `first answer, ${app}: ${KINDS[kind]}`, most: most[kind], value: more });
  }
  return rows;
}
