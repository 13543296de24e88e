import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ARGUMENTS, type ArgumentName, KNOWN } from '../../../lib/command/arguments.js';
import { HELP, helpText, signature } from '../../../lib/command/help.js';
import { VALUES } from '../../../lib/command/values.js';
import { OPTIONS } from '../../../lib/options/table.js';

const rows = Object.values(HELP).flatMap((group) => Object.entries(group)) as [
  ArgumentName,
  (typeof HELP)[string][ArgumentName] & object,
][];

test('the help has every option once, and fits a screen of 80 columns and 50 lines', () => {
  expect(rows.map(([name]) => name).sort()).toEqual(Object.keys(ARGUMENTS).sort());
  const lines = helpText().split('\n');
  expect(lines.length).toBeLessThanOrEqual(50);
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
  for (const line of lines) expect(line).toBe(line.trimEnd());
});

test('an option that takes a value says so, and a flag does not', () => {
  for (const [name, { value }] of rows) {
    const argument: { readonly type: string; readonly optionalValue?: boolean } = ARGUMENTS[name];
    expect({ name, takes: value !== '' }).toEqual({
      name,
      takes: argument.type === 'string' || argument.optionalValue === true,
    });
  }
});

/** Defaults in words: of what they depend on, or what the core has no single value for. */
const IN_WORDS: readonly string[] = [
  'workers',
  'name',
  'on-master-death',
  'recover-threshold',
  'recover-interval',
  'config',
];

test('the defaults of the help are those of prefork()', () => {
  for (const [name, { byDefault }] of rows) {
    if (byDefault === '' || IN_WORDS.includes(name)) continue;
    const { to = '', read } = VALUES[name] ?? {};
    expect({ name, is: read?.(byDefault) }).toEqual({ name, is: OPTIONS[to as 'readyFor'].otherwise });
  }
});

test('the table of docs/guide/command.md has the rows of the help, and its text every name', () => {
  const page = readFileSync(new URL('../../../docs/guide/command.md', import.meta.url), 'utf8');
  const expected = rows.map(([name, row]) =>
    `| \`${signature(name, row)}\` | ${row.byDefault} | ${row.text} |`.replaceAll('|  |', '| |'),
  );
  expect(page.split('\n').filter((line) => line.startsWith('| `-'))).toEqual(expected);
  for (const known of KNOWN) expect(page).toContain(known);
});
