import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const page = readFileSync(join(ROOT, 'docs/internals/security.md'), 'utf8');
const conformance = readFileSync(join(ROOT, 'docs/internals/conformance.md'), 'utf8');

/** A string that is the first argument of a call, and is followed by a function, perhaps with options between them. */
const TITLE =
  /(?<!\b(?:on|once))\(\s*(?<quote>['"`])(?<title>(?:\\.|(?!\k<quote>)[^\\])+)\k<quote>,\s*(?:\{[^{}]*\},\s*)?(?:async\b|\(|function\b|\w+\s*=>)/gs;
/** What stands for a part of a row: of a template, or of `test.each`. */
const ROW = /\$\{[^}]*\}|%[sdijfo]|\$[a-z][\w.]*/g;
const NUMBER = /\b[A-Z]\d+[a-z]?\b/g;

const escaped = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');

/** Titles as they are written, and what the titles of their rows look like. */
const titles = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .flatMap((file) => [...readFileSync(join(ROOT, 'test', file), 'utf8').matchAll(TITLE)])
  .map(({ groups }) => groups?.['title']?.replaceAll(/\\(['"`])/g, '$1') ?? '');
const patterns = titles
  // Nearly nothing but a row would be the title of anything.
  .filter((title) => title.replaceAll(ROW, '').trim().split(/\s+/).length > 3)
  .map((title) => new RegExp(`^${title.split(ROW).map(escaped).join('.+')}$`, 's'));

/** The numbers that a title begins with. */
const numbersOf = (title: string): readonly string[] =>
  /^(?:[A-Z]\d+[a-z]?(?:, )?)+(?=\s)/.exec(title)?.[0].match(NUMBER) ?? [];
const proven = new Set(titles.flatMap(numbersOf));

interface Citations {
  readonly titles: readonly string[];
  readonly numbers: readonly string[];
}

function citedBy(text: string): Citations {
  const words = text
    .replaceAll(/`[^`]*`|\]\([^)]*\)/g, (code) => (code.startsWith('`') ? code : ']'))
    .replaceAll(/\s+/g, ' ');
  const quoted = [...words.matchAll(/"([^"]+)"/g)].map(([, title = '']) => title);
  const plain = words.replaceAll(/"[^"]+"|`[^`]*`/g, '');
  return { titles: quoted, numbers: plain.match(NUMBER) ?? [] };
}

const part = (from: string, to?: string): string =>
  page.slice(page.indexOf(from), to === undefined ? undefined : page.indexOf(to));
/** Each with what stands below it, until the next one. */
const claims = part('## Claims', '## What is out of reach')
  .split(/^(?=\*\*)/m)
  .slice(1);
const isTitle = (words: string): boolean => patterns.some((pattern) => pattern.test(words));
const isProven = (number: string): boolean => proven.has(number) && conformance.includes(`**${number}**`);

test('every claim of the threat model names a test', () => {
  expect(claims.length).toBeGreaterThanOrEqual(15);
  const bare = claims.filter((claim) => {
    const { titles: quoted, numbers } = citedBy(claim);
    return quoted.length + numbers.length === 0;
  });
  expect(bare.map((claim) => claim.slice(0, 80))).toEqual([]);
});

test('every title that the threat model quotes is that of a test, and every number is one of the list that a title begins with', () => {
  const { titles: quoted, numbers } = citedBy(part('## Claims'));
  expect(quoted.length).toBeGreaterThan(40);
  expect(quoted.filter((title) => !isTitle(title))).toEqual([]);
  expect(numbers.filter((number) => !isProven(number))).toEqual([]);
});

test('words of a test that are not its title, a part of one, and a number without a test are no proof', () => {
  expect(isTitle('toBeGreaterThan')).toBe(false);
  expect(isTitle('every claim of the threat')).toBe(false);
  expect(isTitle('every claim of the threat model names a test')).toBe(true);
  expect(isTitle('a file at the path is EADDRINUSE and is not touched')).toBe(true);
  expect(['W15', 'W999', 'V8'].map(isProven)).toEqual([true, false, false]);
  expect(citedBy('**It holds.** By `W15` and [C4](C4.md): W17, "W18 a title".')).toEqual({
    titles: ['W18 a title'],
    numbers: ['C4', 'W17'],
  });
});
