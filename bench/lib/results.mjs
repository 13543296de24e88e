// Reads and writes the file of all results, from which the page is made.
//   { peers: { <name>: { version } or { missing } }, measures: { <name>: { quick, at, machine, seconds, data or error } } }
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';

/** The places of results and page. The results of a quick run are not comparable, so they never replace those of a full one. */
export function placesOf(quick) {
  const at = (path) => new URL(`../../${path}`, import.meta.url);
  return quick
    ? {
        results: at('.results/bench/results.json'),
        page: at('.results/bench/benchmarks.md'),
        charts: at('.results/bench/benchmarks/'),
      }
    : { results: at('bench/results.json'), page: at('docs/benchmarks.md'), charts: at('docs/benchmarks/') };
}

export function readResults({ results: file }) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { peers: {}, measures: {} };
}

export function writeResults({ results: file }, results) {
  mkdirSync(new URL('.', file), { recursive: true });
  writeFileSync(
    file,
    `${JSON.stringify(results, (_key, value) => rounded(value), 1).replaceAll(/\[\n\s+([\d.,\s]+?)\n\s+\]/g, oneLine)}\n`,
  );
}

/** More digits would claim more than the measurement holds. */
function rounded(value) {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
}

function oneLine(_text, numbers) {
  return `[${numbers.replaceAll(/\s+/g, ' ')}]`;
}
