// The unit files of examples/systemd, and what scenarios change in them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../../scripts/tools/paths.mjs';

const FOLDER = join(ROOT, 'examples/systemd');

/** @returns name → text. */
export function examples(...names) {
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(FOLDER, name), 'utf8')]));
}

/** @param lines Of the section [Service]. */
export function service(...lines) {
  return ['[Service]', ...lines, ''].join('\n');
}

export function fleet(options) {
  return `Environment='FLEET=${JSON.stringify(options)}'`;
}
