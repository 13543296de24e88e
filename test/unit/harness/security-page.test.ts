import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const page = readFileSync(join(ROOT, 'docs/internals/security.md'), 'utf8').replaceAll(/\s+/g, ' ');
const conformance = readFileSync(join(ROOT, 'docs/internals/conformance.md'), 'utf8');
const tests = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => readFileSync(join(ROOT, 'test', file), 'utf8'))
  .join('\n');

test('every number and every title of a test that the threat model names exists', () => {
  const claims = page.slice(page.indexOf('## Claims'));
  const titles = [...claims.matchAll(/"([^"]+)"/g)].map(([, title = '']) => title);
  expect(titles.length).toBeGreaterThan(10);
  expect(titles.filter((title) => !tests.includes(title) && !tests.includes(title.replaceAll("'", "\\'")))).toEqual([]);
  const numbers = [...claims.replaceAll(/"[^"]+"/g, '').matchAll(/\b([A-Z]\d+[a-z]?)\b/g)].map(
    ([, number = '']) => number,
  );
  expect(numbers.filter((number) => !conformance.includes(`**${number}**`))).toEqual([]);
});
