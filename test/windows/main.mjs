// `node test/windows/main.mjs [name…]`: runs the tests of this folder, or those whose file has one of the names in it, one file at a
// time and each in a process of its own. Needs no package, so that it also runs where only node.exe is.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from 'node:test';
import { tap } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const names = process.argv.slice(2);
const files = readdirSync(here)
  .filter((file) => file.endsWith('.test.mjs'))
  .filter((file) => names.length === 0 || names.some((name) => file.includes(name)))
  .sort();
if (files.length === 0) throw new Error(`No test file has ${names.join(' or ')} in its name`);

run({ files: files.map((file) => join(here, file)), concurrency: 1 })
  .on('test:fail', () => {
    process.exitCode = 1;
  })
  .compose(tap)
  .pipe(process.stdout);
