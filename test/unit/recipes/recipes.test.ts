import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { filesOf, replaceIn } from '../../recipes/pages.mjs';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PAGES = 'docs/guide/recipes';
const recipes = JSON.parse(readFileSync(join(ROOT, 'test/recipes/recipes.json'), 'utf8')) as Record<
  string,
  {
    title: string;
    page?: string;
    packages?: Record<string, string>;
    adapter?: string;
    replace?: Record<string, string>;
  }
>;
const overview = readFileSync(join(ROOT, PAGES, 'README.md'), 'utf8');

test('F18b every page of a recipe is run, and every recipe has a page', () => {
  const pages = readdirSync(join(ROOT, PAGES)).filter((name) => name !== 'README.md');
  const run = Object.entries(recipes).map(([name, { page = name }]) => `${page}.md`);
  expect(new Set(run)).toEqual(new Set(pages));
});

for (const [name, { title, page = name, packages = {}, adapter, replace }] of Object.entries(recipes)) {
  test(`F18b the table has a result of ${name} with the pinned versions, in which nothing was lost`, () => {
    const [, row] =
      new RegExp(`^\\| \\[${title.replace(/[.()]/g, '\\$&')}\\]\\(${page}\\.md\\) \\| (.*) \\|$`, 'm').exec(overview) ??
      [];
    const [versions, asked, lost, left, , code] = (row ?? '').split(' | ');
    for (const [each, version] of Object.entries(packages))
      expect(versions?.split(', ')).toContain(`${each} ${version}`);
    expect(Number(asked)).toBeGreaterThan(300);
    expect([lost, left, code]).toEqual(['0', '0', '0']);
  });

  test(`F18b the page of ${name} has the texts that its test replaces, and the adapter that it imports exists`, () => {
    const files = new Map([...filesOf(`${PAGES}/README.md`), ...filesOf(`${PAGES}/${page}.md`)]);
    expect(() => replaceIn(files, replace ?? { 'listen: 3000': '' })).not.toThrow();
    const imported = [...files.values()].some((text) => text.includes(`./adapters/${adapter}.mjs`));
    expect(imported).toBe(adapter !== undefined);
    if (adapter !== undefined) expect(existsSync(join(ROOT, 'examples/adapters', `${adapter}.mjs`))).toBe(true);
  });
}

test('F18b the recipes that every run of the tests includes take the versions that the project has', () => {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string }>;
  };
  for (const name of ['express', 'fastify', 'koa', 'hono', 'ws', 'grpc']) {
    for (const [each, version] of Object.entries(recipes[name]?.packages ?? {})) {
      expect(`${each} ${packages[`node_modules/${each}`]?.version}`).toBe(`${each} ${version}`);
    }
  }
});
