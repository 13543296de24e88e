// Writes docs/benchmarks.md and its charts, from the results alone; main.mjs calls it.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { MEASURES } from '../measures.mjs';
import { boundsOf } from './bounds.mjs';
import { drawChart } from './charts.mjs';
import { table } from './report.mjs';

export async function writePage({ page, charts }, results) {
  const sections = Object.keys(MEASURES).flatMap((name) => sectionsOf(name, results));
  mkdirSync(charts, { recursive: true });
  const files = new Map();
  for (const chart of sections.flatMap(({ charts: drawn = [] }) => drawn)) {
    for (const [theme, svg] of Object.entries(drawChart(chart))) files.set(`${chart.name}-${theme}.svg`, svg);
  }
  for (const file of readdirSync(charts)) if (!files.has(file)) rmSync(new URL(file, charts));
  for (const [file, svg] of files) writeFileSync(new URL(file, charts), svg);
  writeFileSync(page, `${[head(results), ...sections.map(text), bounds(results)].join('\n\n')}\n`);
}

function sectionsOf(name, results) {
  const measured = results.measures[name];
  if (measured === undefined) return [{ title: MEASURES[name].title, lead: 'Not measured yet.' }];
  const note = `${measured.quick ? 'A quick run: for a look, not for a comparison. ' : ''}Measured on ${measured.at.slice(0, 10)}, in ${Math.round(measured.seconds)} s: \`npm run bench -- --only ${name}\`.`;
  if (measured.error !== undefined)
    return [{ title: MEASURES[name].title, lead: `The measure failed: ${measured.error.split('\n')[0]}` }];
  return MEASURES[name]
    .sections(measured.data, results)
    .map((section, i) => (i === 0 ? { ...section, note } : section));
}

function text({ title, lead, how, tables = [], charts = [], note }) {
  return [
    `## ${title}`,
    lead,
    ...tables.map(({ columns, rows, about }) => [...(about ? [about] : []), table(columns, rows)].join('\n\n')),
    ...charts.map(picture),
    ...(how === undefined ? [] : [how]),
    ...(note === undefined ? [] : [note]),
  ].join('\n\n');
}

function picture({ name, title }) {
  return `<picture>
  <source media="(prefers-color-scheme: dark)" srcset="benchmarks/${name}-dark.svg">
  <img alt="${title}" src="benchmarks/${name}-light.svg">
</picture>`;
}

function head({ measures, peers }) {
  const [{ machine } = {}] = Object.values(measures);
  const { node, uv, linux, cpus, model, memory } = machine ?? {};
  const found = Object.entries(peers).map(([name, { version, missing }]) =>
    missing === undefined ? `${NAMES[name]} ${version}` : `${NAMES[name]} is missing (${missing})`,
  );
  return `# Benchmarks

\`npm run bench\` writes this page: it measures, writes \`bench/results.json\`, and draws page and charts from that
file. \`npm run bench -- --quick\` takes three minutes instead of 25 and writes to \`.results/bench/\` instead, \`-- --only NAME,NAME\` repeats some sections, \`-- --draw\`
draws again. The first sentence of each section is its ratio. Ratios move by several hundredths from run to run; run them on a machine
with nothing else to do.

Machine: ${cpus} CPUs (${model}), ${memory} GB, Linux ${linux}. Where nothing else is said, Node ${node?.slice(1)} with libuv ${uv}.
Beside it: ${found.join(', ')}.

| name | what it is |
| --- | --- |
| one process | an HTTP server of plain Node |
| node:cluster | \`cluster\` as it is by default: the primary accepts and passes connections on in turn (\`SCHED_RR\`) |
| node:cluster, SCHED_NONE | the primary binds, and the workers accept |
| reusePort of Node 24 | workers of \`cluster\` that call \`listen({ reusePort: true })\`, on Node 24. Where a number is divided by one process, it is one process on Node 24 |
| PM2, cluster mode | \`pm2 start -i\`, with its defaults |
| 'shared', plain | prefork's \`'shared'\` with \`PREFORK_ACCEPT=plain\`: every idle worker is woken for every connection |
| 'shared', 'sharded', 'reuseport' | prefork, see [sharing.md](guide/sharing.md) |

All servers are the same application of \`node:http\`, which answers with its pid. Nothing leaves the machine: clients and servers talk
over 127.0.0.1.`;
}

const NAMES = { node22: 'Node', node24: 'Node', node26: 'Node', pm2: 'PM2', nginx: 'nginx' };

function bounds(results) {
  const rows = boundsOf(results);
  const verdict = { true: 'held', false: '**missed**' };
  return [
    '## Bounds',
    `What the package is held to; a run that misses one ends with exit code 1. Held: ${rows.filter(({ ok }) => ok).length} of ${rows.length}.`,
    table(
      {
        bound: ({ what }) => what,
        'at most': ({ most }) => most,
        measured: ({ value }) => (value === undefined ? 'not measured' : Number(value.toPrecision(3))),
        '': ({ ok }) => verdict[ok] ?? '',
      },
      rows,
    ),
  ].join('\n\n');
}
