import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { quickStartFiles } from '../../recipes/quick-start.mjs';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const page = read('docs/guide/quick-starts.md');
const recipes = JSON.parse(read('test/recipes/quick-starts.json')) as Record<
  string,
  {
    title: string;
    command: string;
    packages: Record<string, string>;
    quickStart: { readme?: string; without?: string; blocks?: Record<string, string> };
  }
>;
const { packages: here } = JSON.parse(read('package-lock.json')) as { packages: Record<string, { version: string }> };

for (const [name, { title, command, packages }] of Object.entries(recipes)) {
  test(`F18e the table has a result of ${name} with its command and the pinned versions, in which nothing was lost`, () => {
    const row = page.split('\n').find((line) => line.startsWith(`| ${title} | \`${command}\` | `));
    const [, , , , versions, asked, lost, left, , code] = (row ?? '').split(/ ?\| ?/);
    for (const [each, version] of Object.entries(packages))
      expect(versions?.split(', ')).toContain(`${each} ${version}`);
    expect(Number(asked)).toBeGreaterThan(300);
    expect([lost, left, code]).toEqual(['0', '0', '0']);
  });
}

for (const name of ['express', 'fastify', 'koa', 'hono']) {
  test(`F18e the quick start of ${name} that every run of the tests includes has the version of the project, and the text of its README`, () => {
    const recipe = recipes[`quick-${name}`] as (typeof recipes)[string];
    for (const [each, version] of Object.entries(recipe.packages))
      expect(here[`node_modules/${each}`]?.version).toBe(version);
    const { readme, without = '' } = recipe.quickStart;
    const [text] = quickStartFiles(recipe, { folder: ROOT }).values();
    expect(read(`node_modules/${readme}`).replace(without, '')).toContain(text);
  });
}

test('F18e a README that does not have the program any more fails the quick start', () => {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'node_modules/app'), { recursive: true });
  writeFileSync(join(folder, 'node_modules/app/README.md'), '```js\nlisten();\n```\n');
  const files = (part: string): ReadonlyMap<string, string> =>
    quickStartFiles({ quickStart: { readme: 'app/README.md', blocks: { 'app.js': part } } }, { folder });
  expect([...files('listen')]).toEqual([['app.js', 'listen();\n']]);
  expect(() => files('serve')).toThrow('no block of app/README.md contains "serve"');
});
