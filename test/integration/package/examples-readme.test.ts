import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { httpGet, inPackage, startMaster, target } from '../../helpers/index.js';
import { linksOf } from '../../helpers/links.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');

test('the program of the README has fifteen lines at most, and does what the README says', async () => {
  const [, program = ''] = /```ts\n([\s\S]*?)```/.exec(readme) ?? [];
  expect(program.trimEnd().split('\n').length).toBeLessThanOrEqual(15);
  expect(program).toContain("host: '0.0.0.0', port: 3000");

  // As in a project of its own, but for the address.
  const folder = mkdtempSync(join(tmpdir(), 'prefork-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(target.root, join(folder, 'node_modules', 'prefork'));
  const file = join(folder, 'server.mjs');
  writeFileSync(file, program.replace("host: '0.0.0.0', port: 3000", "host: '127.0.0.1', port: 0"));

  const master = startMaster(relative(inPackage('test/fixtures'), file).replace(/\.mjs$/, ''));
  const line = await master.logged(/workers are ready on 127\.0\.0\.1:\d+/);
  const { body } = await httpGet({ port: Number(/\d+$/.exec(line)?.[0]) });
  expect(master.workers()).toContain(Number(/^hello from (\d+)\n$/.exec(body)?.[1]));
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
});

test('the guide mentions every option, and no other', () => {
  const types = readFileSync(join(ROOT, 'lib/types.ts'), 'utf8');
  const [, fields = ''] = /export interface PreforkOptions \{([\s\S]*?)\n\}/.exec(types) ?? [];
  const options = [...fields.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, name]) => name as string);
  expect(options.length).toBeGreaterThan(30);
  const [, section = ''] =
    /# Options\n([\s\S]*?)\n## /.exec(readFileSync(join(ROOT, 'docs/guide/options.md'), 'utf8')) ?? [];
  for (const option of options) expect(section).toContain(`\`${option}\``);
  const named = [...section.matchAll(/^\| (.*?) \|/gm)].flatMap(([, cell = '']) => [...cell.matchAll(/`(\w+)`/g)]);
  for (const [, name] of named) expect(options).toContain(name);
});

test('every relative link of the documentation leads somewhere, anchors included', () => {
  const pages = [
    '.',
    'docs',
    'docs/guide',
    'docs/guide/recipes',
    'docs/internals',
    'docs/decisions',
    'examples',
    'bench',
    'findings',
  ].flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(ROOT, folder, name)),
  );
  const broken = pages.flatMap((page) =>
    linksOf(page)
      .filter((link) => !leadsSomewhere(page, link))
      .map((link) => `${relative(ROOT, page)}: ${link}`),
  );
  expect(broken).toEqual([]);
});

function leadsSomewhere(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const file = path === '' ? page : join(dirname(page), path);
  if (!existsSync(file)) return false;
  return anchor === undefined || anchorsOf(file).includes(anchor);
}

/** As GitHub makes them: lower case, punctuation dropped, spaces to hyphens. */
function anchorsOf(page: string): string[] {
  const headings = readFileSync(page, 'utf8').matchAll(/^#+ (.*)$/gm);
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
