// `npm run test:recipes -- signals [name…]`: what each supervisor does to a fleet, from runs. `--write` puts the rows into the table of
// docs/guide/supervisors.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../../scripts/tools/paths.mjs';
import { examineSignals } from './run.mjs';
import { lackOf, SUPERVISORS, versionOf } from './supervisors.mjs';

const PAGE = join(ROOT, 'docs/guide/supervisors.md');
const MARKED = /(<!-- signals: written by .*? -->\n)([\s\S]*?)(<!-- \/signals -->)/;
const HEAD =
  '| Supervisor | To stop it sends | SIGKILL, if the fleet takes its time | Reload | Restart | Set | Stop, with a request of 1.5 s |';

/** @returns whether every supervisor did what the guide says. */
export async function signals(names, { write }) {
  const unknown = names.filter((name) => SUPERVISORS[name] === undefined);
  if (unknown.length > 0) {
    console.error(`Unknown: ${unknown.join(', ')}. There are: ${Object.keys(SUPERVISORS).join(', ')}`);
    return false;
  }
  let passed = true;
  for (const name of names.length > 0 ? names : Object.keys(SUPERVISORS)) {
    const supervisor = SUPERVISORS[name];
    const lack = lackOf(supervisor);
    if (lack !== undefined) {
      console.log(`skipped ${name}: ${lack}`);
      continue;
    }
    const result = await examineSignals(supervisor).catch((error) => ({ problems: [error.stack] }));
    if (result.problems.length > 0) {
      passed = false;
      console.log(`FAILED  ${name}\n  ${result.problems.join('\n  ')}`);
      continue;
    }
    const row = rowOf(name, supervisor, result);
    console.log(`passed  ${row}`);
    if (write) writeRow(supervisor, row);
  }
  return passed;
}

function rowOf(name, { title, set, ...supervisor }, { got, killed, reload, restart, stop }) {
  const version = versionOf(name, supervisor);
  const cells = [
    version === undefined ? title : title.replace(/^([^ ,]+)/, `$1 ${version}`),
    got,
    killed,
    reload,
    restart,
    set,
    stop,
  ];
  return `| ${cells.join(' | ')} |`;
}

function writeRow(supervisor, row) {
  const before = readFileSync(PAGE, 'utf8');
  const [, , table = ''] = MARKED.exec(before) ?? [];
  const rows = table.split('\n').filter((line) => line.startsWith('| ') && line !== HEAD);
  const keyOf = (line, { set }) => line.includes(`| ${set} |`) && line;
  const lines = Object.values(SUPERVISORS).flatMap((each) =>
    each === supervisor
      ? [row]
      : (rows.find((line) => titleOf(line) === plainTitle(each.title) && keyOf(line, each)) ?? []),
  );
  const rule = HEAD.replace(/[^|]+/g, '---');
  writeFileSync(
    PAGE,
    before.replace(MARKED, (_all, begin, _table, end) => `${begin}\n${[HEAD, rule, ...lines].join('\n')}\n\n${end}`),
  );
}

/** Without the version behind the first word. */
function titleOf(line) {
  return plainTitle(line.split(' | ')[0].slice(2));
}

function plainTitle(title) {
  return title.replace(/ \d+(\.\d+)+/, '');
}
