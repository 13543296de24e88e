// Names the functions and lines of a report. Processes print addresses only: each would have to read all symbols of Node.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename } from 'node:path';

const ADDRESS = /\((\S+)\+(0x[0-9a-f]+)\)/;

/** @param modules paths of files with symbols; others stay as they are. */
export function symbolize(text, modules) {
  const known = new Map(modules.filter(existsSync).map((path) => [basename(path), path]));
  return text.replace(/^( +#\d+) .*$/gm, (line, number) => {
    const [, path, offset] = ADDRESS.exec(line) ?? [];
    const file = path && known.get(basename(path));
    if (file === undefined) return line;
    const args = ['--demangle', '--functions', '--inlines', '--pretty-print', '--exe', file, offset];
    return `${number} ${execFileSync('addr2line', args, { encoding: 'utf8' }).trim().replaceAll('\n', '\n      ')}`;
  });
}
