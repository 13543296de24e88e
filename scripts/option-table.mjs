// The tables of options in docs/guide/options.md and README.md. Names and their order are those of lib/options/table.ts, as it was built; the
// texts are the docstrings in lib/types.ts, where a comment says which part goes where. A marker that names options gets these, shortened.
// `--write` puts the tables between the markers; `--check` fails where one is not up to date, or a docstring and the table disagree on a default.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect, isDeepStrictEqual } from 'node:util';
import { runInThisContext } from 'node:vm';
import ts from 'typescript';
import { OPTIONS } from '../dist/options/table.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const PAGES = ['docs/guide/options.md', 'README.md'];
const MARKED = /(<!-- options([\w ]*): .*? -->\n)([\s\S]*?)(<!-- \/options -->)/;

const docs = docstrings();
const problems = Object.entries(OPTIONS).flatMap(([name, option]) => problemOf(name, option, docs.get(name)) ?? []);
if (problems.length === 0) {
  for (const page of PAGES) {
    const before = readFileSync(join(root, page), 'utf8');
    const [, , some] = MARKED.exec(before) ?? [];
    if (some === undefined) problems.push(`${page} has no marker for a table of options`);
    const after = before.replace(
      MARKED,
      (_all, begin, names, _table, end) => `${begin}\n${tableOf(page, names)}\n${end}`,
    );
    if (after === before) continue;
    if (process.argv.includes('--write')) writeFileSync(join(root, page), after);
    else problems.push(`${page} is not what lib/types.ts and lib/options/table.ts say: npm run docs:options`);
  }
}
for (const problem of problems) console.error(problem);
process.exit(problems.length === 0 ? 0 : 1);

/** Of every option: text, default and links. */
function docstrings() {
  const file = 'lib/types.ts';
  const source = ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.Latest, true);
  const { members } = source.statements.find(
    (statement) => ts.isInterfaceDeclaration(statement) && statement.name.text === 'PreforkOptions',
  );
  return new Map(members.map((member) => [member.name.text, docOf(member)]));
}

function docOf(member) {
  const [doc] = ts.getJSDocCommentsAndTags(member);
  const [paragraph = ''] = (ts.getTextOfJSDocComment(doc?.comment) ?? '').split(/\n\s*\n/);
  const [, text, byDefault = ''] = /^(.*?)(?: ?Default: (.*)\.)?$/.exec(paragraph.trim().replace(/\s+/g, ' '));
  const see = (doc?.tags ?? []).filter(({ tagName }) => tagName.text === 'see');
  return { text, byDefault, links: see.map((tag) => /^@see (\S+)/.exec(tag.getText())[1]) };
}

/** A default that is code must come to the same as leaving the option out; one in words, or none, stands for what the table does not know. */
function problemOf(name, option, { text, byDefault }) {
  if (text === '') return `${name}: no text in its docstring`;
  const [, code] = /^`([^`]+)`$/.exec(byDefault) ?? [];
  const documented = code === undefined ? undefined : option.check(name, runInThisContext(`(${code})`));
  if (isDeepStrictEqual(documented, option.otherwise)) return undefined;
  return `${name}: its docstring has the default ${byDefault || '(none)'}, the table ${inspect(option.otherwise)}`;
}

function tableOf(page, some) {
  const names = some.split(' ').filter((name) => name !== '');
  const unknown = names.filter((name) => !(name in OPTIONS));
  if (unknown.length > 0) problems.push(`${page}: there is no option ${unknown.join(', ')}`);
  const rows = Object.keys(OPTIONS)
    .filter((name) => names.length === 0 || names.includes(name))
    .map((name) => {
      const { text, byDefault, links } = docs.get(name);
      const see = links.length === 0 ? '' : ` See ${links.map((link) => linkFrom(page, link)).join(', ')}.`;
      const what = names.length === 0 ? `${text}${see}` : firstOf(text);
      return `| \`${name}\` |${byDefault === '' ? '' : ` ${byDefault}`} | ${what.replaceAll('|', '\\|')} |`;
    });
  return `${['| Option | Default | What it does |', '|---|---|---|', ...rows].join('\n')}\n`;
}

/** The first sentence: a full stop inside of code ends none. */
function firstOf(text) {
  return /^(?:`[^`]*`|[^`])*?\.(?= |$)/.exec(text)?.[0] ?? text;
}

function linkFrom(page, link) {
  const [path] = link.split('#');
  const target = relative(dirname(page), path).replaceAll(sep, '/');
  return `[${target}](${target}${link.slice(path.length)})`;
}
