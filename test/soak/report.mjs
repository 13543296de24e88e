// What the soak prints.
import { median } from '../../bench/lib/processes.mjs';
import { slopeOf } from './counts.mjs';

export function reportOnRecoveries(rows) {
  const columns = {
    workers: ({ name }) => name,
    recoveries: ({ recovered }) => recovered,
    seconds: ({ seconds }) => seconds,
    'heap (kB)': ({ first, last }) => `${kB(first?.heap)} -> ${kB(last?.heap)}`,
    'bytes each': ({ growth = 0 }) => Math.round(growth),
    'second half': ({ later = 0 }) => Math.round(later),
    'rss (MB)': ({ first, last }) => `${MB(first?.rss)} -> ${MB(last?.rss)}`,
    descriptors: ({ first, last }) => `${first?.descriptors} -> ${last?.descriptors}`,
    zombies: ({ zombies = 0 }) => zombies,
  };
  return table('Recoveries: of the master', columns, rows);
}

export function reportOnKept(rows) {
  const total = ({ clients }, name) => clients.reduce((sum, client) => sum + client[name], 0);
  const worst = ({ clients }) => Math.max(0, ...clients.map((client) => client.worst));
  const columns = {
    fleet: ({ name }) => name,
    reloads: ({ reloads }) => reloads,
    seconds: ({ seconds }) => seconds,
    'connections held': ({ held }) => (held.length === 0 ? '-' : `${Math.min(...held)} to ${Math.max(...held)}`),
    opened: (row) => total(row, 'opened'),
    requests: (row) => total(row, 'asked'),
    'most draining': ({ draining }) => draining,
    'p99, slowest (ms)': (row) => `${Math.max(0, ...row.clients.map(({ p99 }) => p99))}, ${worst(row)}`,
    lost: ({ lost }) => lost,
  };
  return table('Reloads under kept connections', columns, rows);
}

export function reportOnMix(rows) {
  return rows.map(mixed).join('\n');
}

function mixed({ name, looks, actions, failed, clients, lost, causes, ends, unexplained, recoveries, recycled }) {
  const [first, last] = [looks[0], looks.at(-1)];
  if (first === undefined) return `Mix: ${name}: it did not come to rest\n`;
  const minutes = (last.at - first.at) / 60_000;
  // Apart: what V8 compiles, and whatever else is made once, grows less and less. What leaks goes on growing.
  const halves = [looks.slice(0, looks.length >> 1), looks.slice(looks.length >> 1)];
  const trend = (what, unit) => {
    const slopes = halves.map((half) => show(slopeOf(half.map((look) => [look.at / 60_000, look[what]])), unit));
    return `${show(first[what], unit)} -> ${show(last[what], unit)}, slope ${slopes.join(', then ')} a minute`;
  };
  const sorted = recoveries.toSorted((a, b) => a - b);
  const lines = [
    `actions      ${inWords(actions)}; recyclings ${recycled}`,
    `             of which failed, because a worker that they had started was killed: ${inWords(failed)}`,
    `ended        ${inWords(ends)}`,
    `recoveries   ${sorted.length}; a slot was empty for ${sorted.length > 0 ? `${median(sorted)} ms (median), ${sorted.at(-1)} ms (longest)` : '-'}`,
    `losses       ${lost} of ${clients.reduce((sum, client) => sum + client.asked, 0)} requests: ${inWords(causes)}; unexplained ${unexplained}`,
    ...clients.map(
      ({ mode, asked, p50, p99, worst, delayed, held }) =>
        `latency      ${mode}: ${asked} requests, p50 ${p50} ms, p99 ${p99} ms, slowest ${worst} ms; later than 500 ms ${delayed}, of these held by a blocked worker ${held}`,
    ),
    `descriptors  of the master ${trend('descriptors')}; of a worker, its clients not counted, ${trend('ofWorkers')}`,
    `memory       of the master: heap ${trend('heap', 'kB')}; rss ${trend('rss', 'MB')}`,
    `             of a worker: rss ${trend('rssOfWorkers', 'MB')}`,
    `left behind  zombies ${most(looks, 'zombies')}, orphans ${most(looks, 'orphans')}`,
  ];
  return [`Mix: ${name}, ${minutes.toFixed(1)} min, ${looks.length} looks at rest`, ...lines].join('\n  ').concat('\n');
}

function most(looks, what) {
  return Math.max(...looks.map((look) => look[what]));
}

function inWords(counts) {
  const words = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  return words.length === 0 ? 'none' : words.join(', ');
}

function show(value, unit) {
  if (unit === 'kB') return `${kB(value)} kB`;
  if (unit === 'MB') return `${MB(value)} MB`;
  return Number(value.toFixed(2));
}

function kB(bytes = 0) {
  return Math.round(bytes / 1_024);
}

function MB(bytes = 0) {
  return (bytes / 1_024 ** 2).toFixed(1);
}

function table(title, columns, rows) {
  const lines = [Object.keys(columns), ...rows.map((row) => Object.values(columns).map((cell) => String(cell(row))))];
  const widths = Object.keys(columns).map((_, i) => Math.max(...lines.map((line) => line[i].length)));
  const show = (line) =>
    line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ');
  return [title, ...lines.map(show)].join('\n').concat('\n');
}
