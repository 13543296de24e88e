// Prints the results of a benchmark and sets its exit code.
import { cpus, release, totalmem } from 'node:os';

/** The machine: the numbers mean nothing without it. */
export function machine() {
  return {
    node: process.version,
    uv: process.versions.uv,
    linux: release().split('-')[0],
    cpus: cpus().length,
    model: cpus()[0]?.model.trim(),
    memory: Math.round(totalmem() / 2 ** 30),
  };
}

/** The machine in one line, for people. */
function where() {
  const { node, linux, cpus: count } = machine();
  return `Node ${node.slice(1)}, Linux ${linux}, ${count} CPUs`;
}

/**
 * Prints the results as tables in Markdown, or everything as JSON with `--json`. Misses make the exit code 1.
 * @param report `{ title, tables: [{ heading: (row) => text }], rows, misses }`, rows being plain data.
 */
export function print({ title, tables, rows, misses }) {
  const text = tables.map((columns) => table(columns, rows)).join('\n\n');
  if (process.argv.includes('--json')) {
    console.log(JSON.stringify({ title, machine: machine(), rows, misses }, null, 2));
  } else {
    console.log(`${title}\n${where()} (${machine().model})\n\n${text}`);
    console.log(misses.length === 0 ? '\nEvery bound holds.' : `\nMissed:\n  ${misses.join('\n  ')}`);
  }
  if (misses.length > 0) process.exitCode = 1;
}

/** @param sorted Ascending. */
export function quantile(sorted, share) {
  return sorted[Math.ceil(sorted.length * share) - 1];
}

/** Prints progress, for people only. */
export function say(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r${text.padEnd(76)}${text === '' ? '\r' : ''}`);
}

/** A table in Markdown. */
export function table(columns, rows) {
  const headings = Object.keys(columns);
  const cells = rows.map((row) => headings.map((heading) => String(columns[heading](row))));
  const widths = headings.map((heading, i) => Math.max(heading.length, ...cells.map((line) => line[i].length)));
  const line = (texts) => `| ${texts.map((text, i) => text.padStart(widths[i])).join(' | ')} |`;
  return [line(headings), line(widths.map((width) => '-'.repeat(width))), ...cells.map(line)].join('\n');
}
