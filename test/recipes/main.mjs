// `npm run test:recipes [-- name…]`: runs the programs and configurations of docs/guide/recipes with the versions in recipes.json, and the
// quick starts of docs/guide/quick-starts.md, which are the frameworks' own, with those in quick-starts.json. Each
// recipe must lose nothing in three reloads under a small load, leave no replaced worker, and stop in time with exit code 0.
// `npm run test:recipes -- signals [name…]`: what each supervisor does to a fleet to stop, reload and restart it.
//   --write           puts the results into the table of docs/guide/recipes/README.md
//   --from <folder>   takes recipes.json and the pages from there: tests of this program
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from '../../scripts/tools/paths.mjs';
import { lackOf, runRecipe } from './run.mjs';
import { line, writeRow } from './table.mjs';

const { values: flags, positionals: names } = parseArgs({
  options: { write: { type: 'boolean', default: false }, from: { type: 'string' } },
  allowPositionals: true,
});
if (names[0] === 'signals') {
  const { signals } = await import('./signals/main.mjs');
  process.exit((await signals(names.slice(1), flags)) ? 0 : 1);
}
const tables = flags.from === undefined ? ['recipes.json', 'quick-starts.json'] : ['recipes.json'];
const recipes = Object.assign(
  {},
  ...tables.map((table) => JSON.parse(readFileSync(join(flags.from ?? import.meta.dirname, table), 'utf8'))),
);
const pages = flags.from ?? join(ROOT, 'docs/guide/recipes');
const unknown = names.filter((name) => recipes[name] === undefined);
if (unknown.length > 0) {
  console.error(`Unknown: ${unknown.join(', ')}. There are: ${Object.keys(recipes).join(', ')}`);
  process.exit(2);
}

for (const name of names.length > 0 ? names : Object.keys(recipes)) {
  const recipe = recipes[name];
  const lack = lackOf(recipe);
  if (lack !== undefined) {
    console.log(`skipped ${name}: ${lack}`);
    continue;
  }
  const result = await runRecipe(name, recipe, pages).catch((error) => ({ problems: [error.stack] }));
  if (result.problems.length === 0) {
    const row = line({ name, recipe, ...result });
    console.log(`passed  ${row}`);
    if (flags.write) writeRow(recipes, recipe, row);
    continue;
  }
  process.exitCode = 1;
  console.log(`FAILED  ${name}\n  ${result.problems.join('\n  ')}${result.log === undefined ? '' : `\n${result.log}`}`);
}
