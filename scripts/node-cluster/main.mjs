// `npm run test:node-cluster -- --source DIR` runs Node's own tests of its cluster module against `prefork/cluster`. DIR is a checkout of Node
// of the running version, or one near it: test/parallel, test/sequential, test/common and test/fixtures are needed. Writes docs/internals/node-cluster.md.
//   --only TEXT   those whose name contains it; writes no page
//   --plain       against Node's own module: which tests fail on this machine anyway; writes no page
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { page } from './page.mjs';
import { REASONS } from './reasons.mjs';
import { runTest } from './run-test.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { values } = parseArgs({
  options: { source: { type: 'string' }, only: { type: 'string' }, plain: { type: 'boolean', default: false } },
});
if (values.source === undefined) throw new Error('--source DIR: a checkout of Node with its folder test/ is expected');

const files = ['parallel', 'sequential'].flatMap((folder) =>
  readdirSync(join(values.source, 'test', folder))
    .filter((name) => /^test-cluster-.*\.m?js$/.test(name) && name.includes(values.only ?? ''))
    .map((name) => ({ folder, name })),
);
const preload = values.plain ? undefined : join(root, 'cluster.cjs');
const results = [];
// One after the other: several of them count processes, or ask for the same port.
for (const { folder, name } of files) {
  const file = join(values.source, 'test', folder, name);
  const flags = /^\/\/ Flags: (.+)$/m.exec(readFileSync(file, 'utf8'))?.[1].split(' ') ?? [];
  const result = await runTest({ file, flags, preload });
  results.push({ folder, name, ...result, reason: result.why ?? REASONS[name] ?? '' });
  console.log(`${result.outcome.padEnd(8)} ${folder}/${name} ${Math.round(result.ms)} ms`);
  if (result.outcome === 'failed' && values.only !== undefined) console.log(result.output);
}
const count = (outcome) => results.filter((result) => result.outcome === outcome).length;
console.log(`${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`);
for (const { outcome, name, reason } of results) {
  if (outcome === 'failed' && !values.plain && reason === '')
    console.log(`${name}: failed, without a reason in reasons.mjs`);
}
if (values.only === undefined && !values.plain)
  writeFileSync(join(root, 'docs', 'internals', 'node-cluster.md'), page(results, process.version));
process.exitCode = results.some(({ outcome, name }) => outcome === 'failed' && !(name in REASONS)) ? 1 : 0;
