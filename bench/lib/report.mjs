// What a benchmark prints and how it ends.
import { cpus, release } from 'node:os';

/** Where the numbers come from: they mean nothing without it. */
export function machine() {
  return { node: process.version, linux: release(), cpus: cpus().length, model: cpus()[0]?.model.trim() };
}

/**
 * Prints the results as a table, or everything as JSON with `--json`. Misses make the exit code 1.
 * @param report `{ title, columns: { heading: (row) => text }, rows, misses }`, rows being plain data.
 */
export function print({ title, columns, rows, misses }) {
  if (process.argv.includes('--json')) {
    console.log(JSON.stringify({ title, machine: machine(), rows, misses }, null, 2));
  } else {
    const { node, linux, cpus: count, model } = machine();
    console.log(`${title}\n${node}, Linux ${linux}, ${count} CPUs (${model})\n`);
    console.log(table(columns, rows));
    console.log(misses.length === 0 ? '\nEvery bound holds.' : `\nMissed:\n  ${misses.join('\n  ')}`);
  }
  if (misses.length > 0) process.exitCode = 1;
}

/** Progress, for people only. */
export function say(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r${text.padEnd(76)}${text === '' ? '\r' : ''}`);
}

/** In Markdown. */
export function table(columns, rows) {
  const headings = Object.keys(columns);
  const cells = rows.map((row) => headings.map((heading) => String(columns[heading](row))));
  const widths = headings.map((heading, i) => Math.max(heading.length, ...cells.map((line) => line[i].length)));
  const line = (texts) => `| ${texts.map((text, i) => text.padStart(widths[i])).join(' | ')} |`;
  return [line(headings), line(widths.map((width) => '-'.repeat(width))), ...cells.map(line)].join('\n');
}
