import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { findProgram } from '../../../lib/command/program.js';
import { folderWith } from '../../helpers/folder.js';

const strips = (process.features as { typescript?: unknown }).typescript;

test.each([
  ['app.js', 'app.js'],
  ['./app.js', 'app.js'],
  ['app', 'app.js'],
  ['sub/x', 'sub/x.mjs'],
  ['plain', 'plain'],
  ['named', 'named/lib/main.js'],
  ['bare', 'bare/index.js'],
  ['.', 'index.js'],
])('a file as node takes it: %s', (name, file) => {
  const folder = folderWith({
    'app.js': '',
    'sub/x.mjs': '',
    plain: '#!/usr/bin/env node\n',
    'named/package.json': '{ "main": "lib/main" }',
    'named/lib/main.js': '',
    'bare/index.js': '',
    'index.js': '',
  });
  expect(findProgram(name, folder)).toBe(join(folder, file));
  expect(findProgram(join(folder, name), '/')).toBe(join(folder, file));
});

function withBin(link: string, files: Readonly<Record<string, string>>): string {
  const folder = folderWith({ ...files, 'deep/er/x': '' });
  const bin = join(folder, 'node_modules/.bin/next');
  mkdirSync(dirname(bin), { recursive: true });
  if (link.startsWith('#!')) writeFileSync(bin, link);
  else symlinkSync(link, bin);
  return folder;
}

const NEXT = { 'node_modules/next/dist/bin/next': '#!/usr/bin/env node\n' };

test('a command of node_modules/.bin is found here and above, and is the file behind the link', () => {
  const folder = withBin('../next/dist/bin/next', NEXT);
  const file = join(folder, 'node_modules/next/dist/bin/next');
  expect(findProgram('next', folder)).toBe(file);
  expect(findProgram('next', join(folder, 'deep/er'))).toBe(file);
});

test('the link of a deploy stays in the path of a command', () => {
  const release = withBin('../next/dist/bin/next', NEXT);
  const current = join(folderWith({}), 'current');
  symlinkSync(release, current);
  expect(findProgram('next', current)).toBe(join(current, 'node_modules/next/dist/bin/next'));
});

test('a file of the name of a command comes first, a folder of that name after it', () => {
  const folder = withBin('../next/dist/bin/next', { ...NEXT, 'next/index.js': '' });
  expect(findProgram('next', folder)).toBe(join(folder, 'node_modules/next/dist/bin/next'));
  expect(findProgram('./next', folder)).toBe(join(folder, 'next/index.js'));
});

test.each([
  ['next', '{ "name": "next", "bin": "dist/bin/next" }'],
  ['next', '{ "name": "next", "bin": { "next": "./dist/bin/next" } }'],
  ['@scope/next', '{ "name": "@scope/next", "bin": "dist/bin/next" }'],
  ['other', '{ "name": "other", "bin": { "x": "x.js", "next": "dist/bin/next" } }'],
])('a script for shells, as pnpm writes it: the command is found in the package %s', (place, manifest) => {
  const folder = withBin('#!/bin/sh\nexec node "$basedir/../next/dist/bin/next" "$@"\n', {
    [`node_modules/${place}/package.json`]: manifest,
    [`node_modules/${place}/dist/bin/next`]: '',
    'node_modules/broken/package.json': '{',
  });
  expect(findProgram('next', folder)).toBe(join(folder, `node_modules/${place}/dist/bin/next`));
});

test('a script for shells whose package is not there is refused as what it is', () => {
  const folder = withBin('#!/bin/sh\n', {});
  expect(() => findProgram('next', folder)).toThrow('next is a shell script');
});

test('a program that is not there: where it was looked for, and the nearest name', () => {
  const folder = folderWith({ 'app.js': '', 'src/server.mjs': '' });
  const wrong = (name: string) => () => findProgram(name, folder);
  expect(wrong('ap.js')).toThrow(
    `there is no program 'ap.js': did you mean 'app.js'? (looked for ${join(folder, 'ap.js')}, ` +
      "and for a command 'ap.js' in node_modules/.bin there and above)",
  );
  expect(wrong('src/sever.mjs')).toThrow(
    `there is no program 'src/sever.mjs': did you mean 'src/server.mjs'? (looked for ${join(folder, 'src/sever.mjs')})`,
  );
  expect(wrong('no/such/file.js')).toThrow(/^there is no program 'no\/such\/file.js' \(looked for [^,]*\)$/);
});

test('a command that is not there: the nearest one', () => {
  const folder = withBin('../next/dist/bin/next', NEXT);
  expect(() => findProgram('nxet', join(folder, 'deep/er'))).toThrow(
    "there is no program 'nxet': did you mean 'next'?",
  );
});

test.each([
  ['a binary', { program: Buffer.from('\x7fELF\x02\x01\x01\0\0\0', 'latin1') }],
  ['a shell script', { program: '#!/bin/sh\necho\n' }],
  ['a shell script', { program: '#! /usr/bin/env bash\n' }],
  ['a script for /usr/bin/env python3', { program: '#!/usr/bin/env python3\n' }],
])('%s is refused, and the error names exec', (what, files) => {
  const folder = folderWith(files);
  expect(() => findProgram('program', folder)).toThrow(
    `program is ${what}, and the command runs programs of node: for any other program use the option exec of prefork()`,
  );
});

test('a script of JavaScript that a shell starts, too, is JavaScript', () => {
  const folder = folderWith({
    'app.js': '#!/bin/sh\n\':\' //; exec node "$0"\n',
    x: '#!/usr/bin/env -S node --no-warnings\n',
  });
  expect(findProgram('app.js', folder)).toBe(join(folder, 'app.js'));
  expect(findProgram('x', folder)).toBe(join(folder, 'x'));
});

test('a folder without a program is refused, and the error says what is missing', () => {
  const folder = folderWith({ 'empty/x.js': '', 'wrong/package.json': '{ "main": "gone.js" }', 'data.json': '{}' });
  expect(() => findProgram('empty', folder)).toThrow(
    /^empty is a folder without a program \(no package.json with a 'main'/,
  );
  expect(() => findProgram('wrong', folder)).toThrow("the 'main' of its package.json, gone.js, is no file");
  expect(() => findProgram('data.json', folder)).toThrow('data.json is data');
});

test.skipIf(strips)('TypeScript needs a Node that strips types, or a loader; the error names tsx', () => {
  const folder = folderWith({ 'app.ts': '' });
  // Vitest has loaders of its own.
  const { execArgv } = process;
  process.execArgv = [];
  vi.stubEnv('NODE_OPTIONS', '--max-old-space-size=100');
  onTestFinished(() => {
    process.execArgv = execArgv;
    vi.unstubAllEnvs();
  });
  expect(() => findProgram('app.ts', folder)).toThrow(
    /^app.ts is TypeScript.*npm install tsx; prefork --import tsx app.ts/,
  );
  expect(findProgram('app.ts', folder, ['--import', 'tsx'])).toBe(join(folder, 'app.ts'));
  expect(findProgram('app', folder, ['--import=tsx'])).toBe(join(folder, 'app.ts'));
  vi.stubEnv('NODE_OPTIONS', '--import tsx');
  expect(findProgram('app.ts', folder)).toBe(join(folder, 'app.ts'));
});
