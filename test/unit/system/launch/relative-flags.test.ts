import { expect, test } from 'vitest';
import { beginningAt, optionsBeginningAt } from '../../../../lib/system/launch/relative-flags.js';

const at = (...flags: string[]) => beginningAt('/srv/app', flags);

test('modules with a relative path are found, packages and absolute paths are left as they are', () => {
  expect(at('--require', './a.cjs', '-r', '../b.cjs')).toEqual(['--require', '/srv/app/a.cjs', '-r', '/srv/b.cjs']);
  expect(at('--require=./a.cjs')).toEqual(['--require=/srv/app/a.cjs']);
  expect(at('--import', './a b.mjs', '--loader=./l.mjs', '--experimental-loader', '../x.mjs')).toEqual([
    ...['--import', 'file:///srv/app/a%20b.mjs', '--loader=file:///srv/app/l.mjs'],
    ...['--experimental-loader', 'file:///srv/x.mjs'],
  ]);
  // For Node it is a URL: what is behind the question mark is no part of the path.
  expect(at('--import=./a.mjs?x=1')).toEqual(['--import=file:///srv/app/a.mjs?x=1']);
  const kept = ['--import', 'dotenv/config', '--require', '/abs.cjs', '--import=data:text/javascript,1', '-r', '.x'];
  expect(at(...kept)).toEqual(kept);
});

test('files and folders are found', () => {
  expect(at('--env-file=.env', '--env-file-if-exists', 'x/.env', '--experimental-config-file=node.json')).toEqual([
    ...['--env-file=/srv/app/.env', '--env-file-if-exists', '/srv/app/x/.env'],
    '--experimental-config-file=/srv/app/node.json',
  ]);
  expect(at('--allow-fs-read=*', '--allow-fs-write=./tmp', '--cpu-prof-dir=/p')).toEqual([
    '--allow-fs-read=*',
    '--allow-fs-write=/srv/app/tmp',
    '--cpu-prof-dir=/p',
  ]);
});

test('other flags are left as they are', () => {
  const kept = ['--enable-source-maps', '--inspect=./x', '--title', './x', '-e', './x', '--conditions=./x'];
  expect(at(...kept)).toEqual(kept);
});

test('NODE_OPTIONS is split and quoted as Node does it', () => {
  expect(optionsBeginningAt('/srv/my app', '--trace-gc  --require "./a b.cjs" --title="x \\"y\\""')).toBe(
    '--trace-gc --require "/srv/my app/a b.cjs" "--title=x \\"y\\""',
  );
  expect(optionsBeginningAt('/srv', '')).toBe('');
});
