import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const [, shipped = '', tools = ''] = read('docs/internals/dependencies.md').split(/^## .*$/m);
/** The first column of a table, without its two lines of head. */
const firstColumn = (section: string): string[] =>
  section
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(1)
    .map((line) => (line.split('|')[1] ?? '').trim());

test('the package depends on nothing, and every package that builds or tests it is in the list with its reason', () => {
  const described = JSON.parse(read('package.json'));
  for (const kind of ['dependencies', 'optionalDependencies', 'peerDependencies', 'bundleDependencies']) {
    expect(described[kind], kind).toBeUndefined();
  }
  const inside = firstColumn(shipped).map((cell) => /^\[(.*?)\]/.exec(cell)?.[1] ?? cell);
  const listed = [...inside, ...firstColumn(tools).flatMap((cell) => cell.split(', '))];
  expect(listed.filter((name, i) => listed.indexOf(name) !== i)).toEqual([]);
  // Not installed by us but by chokidar.
  expect([...listed].sort()).toEqual([...Object.keys(described.devDependencies), 'readdirp'].sort());
});

test('the list of packages that ship inside of built files is that of the licences in these files', () => {
  const files = ['dist/system/inspector/websocket.cjs', 'dist/command/watcher.cjs'].map(read);
  const contained = files.flatMap((file) => [...file.matchAll(/^Contains (\S+) (\S+), under this licence:$/gm)]);
  expect(contained.map(([, name]) => name)).toEqual(['ws', 'chokidar', 'readdirp']);
  const { packages } = JSON.parse(read('package-lock.json'));
  for (const [, name, version] of contained) expect(version).toBe(packages[`node_modules/${name}`].version);
});
