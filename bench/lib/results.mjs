// The file that everything which was measured is in, and that the page is written from.
//   { peers: { <name>: { version } or { missing } }, measures: { <name>: { quick, at, machine, seconds, data or error } } }
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const FILE = new URL('../results.json', import.meta.url);

export function readResults() {
  return existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : { peers: {}, measures: {} };
}

export function writeResults(results) {
  writeFileSync(
    FILE,
    `${JSON.stringify(results, (_key, value) => rounded(value), 1).replaceAll(/\[\n\s+([\d.,\s]+?)\n\s+\]/g, oneLine)}\n`,
  );
}

/** Four digits say more than the measurement holds. */
function rounded(value) {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
}

function oneLine(_text, numbers) {
  return `[${numbers.replaceAll(/\s+/g, ' ')}]`;
}
