// The tables of results in docs/guide/recipes/README.md and docs/guide/quick-starts.md. A run writes the rows of the recipes that passed.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../scripts/tools/paths.mjs';

const RESULTS = 'Tested with | Questions | Lost | Old workers left | Stop | Exit code';
const RECIPES = { page: 'docs/guide/recipes/README.md', head: `| Recipe | ${RESULTS} |` };
const QUICK_STARTS = { page: 'docs/guide/quick-starts.md', head: `| Quick start | Command | Program | ${RESULTS} |` };
const MARKED = /(<!-- recipes: written by .*? -->\n)([\s\S]*?)(<!-- \/recipes -->)/;

/** @returns the row of a recipe that passed. */
export function line({ name, recipe, tools, asked, lost, left, stopMs, code }) {
  const { title, page = name, quickStart, command } = recipe;
  const what = quickStart === undefined ? [`[${title}](${page}.md)`] : [title, `\`${command}\``, quickStart.from];
  const cells = [...what, [...versions(recipe), ...tools].join(', ')];
  return `| ${[...cells, asked, lost, left, `${(stopMs / 1000).toFixed(1)} s`, code].join(' | ')} |`;
}

/** `name version` of every package that recipes.json pins for it. */
export function versions({ packages = {} }) {
  return Object.entries(packages).map(([name, version]) => `${name} ${version}`);
}

/** Puts the row in its place; the others stay. */
export function writeRow(recipes, recipe, row) {
  const { page, head } = tableOf(recipe);
  const file = join(ROOT, page);
  const before = readFileSync(file, 'utf8');
  const [, , table = ''] = MARKED.exec(before) ?? [];
  const old = new Map([...table.matchAll(/^\| \[?(.*?)(?:\]| \|).*$/gm)].map(([each, title]) => [title, each]));
  old.set(recipe.title, row);
  const lines = Object.values(recipes).flatMap((each) =>
    tableOf(each) === tableOf(recipe) ? (old.get(each.title) ?? []) : [],
  );
  const rule = head.replace(/[^|]+/g, '---');
  writeFileSync(
    file,
    before.replace(MARKED, (_all, begin, _table, end) => `${begin}\n${[head, rule, ...lines].join('\n')}\n\n${end}`),
  );
}

function tableOf({ quickStart }) {
  return quickStart === undefined ? RECIPES : QUICK_STARTS;
}
