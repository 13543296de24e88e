// The table of results in docs/guide/recipes/README.md. A run writes the rows of the recipes that passed.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../scripts/tools/paths.mjs';

const PAGE = join(ROOT, 'docs/guide/recipes/README.md');
const HEAD = `| Recipe | Tested with | Questions | Lost | Old workers left | Stop | Exit code |
|---|---|---|---|---|---|---|`;
const MARKED = /(<!-- recipes: written by .*? -->\n)([\s\S]*?)(<!-- \/recipes -->)/;

/** @returns the row of a recipe that passed. */
export function line({ name, recipe, tools, asked, lost, left, stopMs, code }) {
  const cells = [`[${recipe.title}](${recipe.page ?? name}.md)`, [...versions(recipe), ...tools].join(', ')];
  return `| ${[...cells, asked, lost, left, `${(stopMs / 1000).toFixed(1)} s`, code].join(' | ')} |`;
}

/** `name version` of every package that recipes.json pins for it. */
export function versions({ packages = {} }) {
  return Object.entries(packages).map(([name, version]) => `${name} ${version}`);
}

/** Puts the row in its place; the others stay. */
export function writeRow(recipes, title, row) {
  const before = readFileSync(PAGE, 'utf8');
  const [, , table = ''] = MARKED.exec(before) ?? [];
  const old = new Map([...table.matchAll(/^\| \[(.*?)\].*$/gm)].map(([each, name]) => [name, each]));
  old.set(title, row);
  const lines = Object.values(recipes).flatMap(({ title }) => old.get(title) ?? []);
  writeFileSync(
    PAGE,
    before.replace(MARKED, (_all, begin, _table, end) => `${begin}\n${[HEAD, ...lines].join('\n')}\n\n${end}`),
  );
}
