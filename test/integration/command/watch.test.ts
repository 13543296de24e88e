/** `--watch` with real files, and a fleet that only pretends: test/fixtures/prefork-without-fleet.mjs. */

import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { folderWith } from '../../helpers/folder.js';
import { startMaster } from '../../helpers/index.js';

function watched(env: Readonly<Record<string, string>> = {}, config?: string) {
  const folder = folderWith({
    'app.js': '',
    'src/route.js': '',
    'node_modules/dep/index.js': '',
    '.git/HEAD.json': '',
    ...(config !== undefined && { 'prefork.config.json': config }),
  });
  const write = (path: string, text: string): void => writeFileSync(join(folder, path), text);
  const args = config === undefined ? ['--watch', 'app.js'] : [];
  const command = startMaster('prefork-without-fleet', { args, cwd: folder, env });
  return { folder, write, command };
}

test('a changed file reloads and the verdict names it; packages, dot folders and logs reload nothing', async () => {
  const { folder, write, command } = watched();
  await command.logged(`prefork: watching ${folder}`);
  write('node_modules/dep/index.js', '1');
  write('.git/HEAD.json', '1');
  appendFileSync(join(folder, 'app.log'), 'a line\n');
  write('src/route.js', '1');
  expect(await command.logged(/prefork: reloaded in .*/)).toMatch(
    /^prefork: reloaded in \d+ ms: src\/route.js changed$/,
  );
  expect(command.events('reload')).toHaveLength(1);
  write('src/new.ts', '');
  await command.logged(/: src\/new.ts changed/);
  rmSync(join(folder, 'src/route.js'));
  await command.event('reload', { nth: 3 });
  command.kill('SIGTERM');
  expect(await command.gone()).toEqual({ code: 0, signal: null });
});

test('a reload that fails is printed, and the next change reloads again', async () => {
  const { folder, write, command } = watched({ RELOADS: 'it does not boot,ok' }, '{ "app": "app.js", "watch": true }');
  await command.logged(`prefork: watching ${folder}`);
  write('app.js', '1');
  await command.logged('prefork: reload failed: it does not boot; the old workers serve on');
  write('app.js', '2');
  await command.logged(/prefork: reloaded in \d+ ms: app.js changed/);
  command.endInput();
  expect(await command.gone()).toEqual({ code: 0, signal: null });
});

test('without --watch nothing is watched', async () => {
  const { command } = watched({}, '{ "app": "app.js" }');
  await command.event('plan');
  command.kill('SIGTERM');
  expect(await command.gone()).toEqual({ code: 0, signal: null });
  expect(command.stderr).toBe('');
});
