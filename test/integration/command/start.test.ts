/** The bin up to the fleet: what it loads, how it is installed, and what it prints. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { folderWith } from '../../helpers/folder.js';
import { inPackage, target, testOn } from '../../helpers/index.js';
import { startProgram } from '../../helpers/master.js';

const BIN = inPackage('dist/command/prefork.cjs');
const { version } = JSON.parse(readFileSync(inPackage('package.json'), 'utf8')) as { version: string };

/** Runs the bin, and returns which files of the package it loaded. */
async function loaded(...argv: readonly string[]): Promise<readonly string[]> {
  const folder = folderWith({});
  const spy = join(folder, 'spy.cjs');
  writeFileSync(
    spy,
    'process.on("exit", () => require("fs").writeFileSync(__dirname + "/loaded", Object.keys(require.cache).join("\\n")));',
  );
  const command = startProgram(target.node, { args: ['--require', spy, BIN, ...argv], cwd: folder });
  await command.gone();
  const files = readFileSync(join(folder, 'loaded'), 'utf8').split('\n');
  return files.map((file) => basename(file)).filter((file) => file !== 'spy.cjs');
}

test('--version and --help load neither the package nor its addon', async () => {
  expect(await loaded('--version')).toEqual(['prefork.cjs', 'bundle-command-main.cjs', 'package.json']);
  expect(await loaded('--help')).toEqual(['prefork.cjs', 'bundle-command-main.cjs', 'bundle-command-help.cjs']);
});

test('a start without a configuration file, --watch and mistakes loads no code for them', async () => {
  const files = await loaded('nothing.js');
  expect(files).toContain('bundle-command-plan.cjs');
  for (const kind of ['config', 'watch', 'watcher', 'help', 'env-files'])
    expect(files.join()).not.toMatch(`command-${kind}`);
});

test('--version prints the version of the package, --help the options, both with code 0', async () => {
  const versioned = startProgram(target.node, { args: [BIN, '--version'] });
  expect(await versioned.gone()).toEqual({ code: 0, signal: null });
  expect(versioned.stdout).toBe(`${version}\n`);
  const helped = startProgram(target.node, { args: [BIN, '-h'] });
  expect(await helped.gone()).toEqual({ code: 0, signal: null });
  expect(helped.stdout).toContain('--workers <n>');
  expect([versioned.stderr, helped.stderr]).toEqual(['', '']);
});

testOn('posixProcesses')('a reader that leaves early is no error', async () => {
  const command = startProgram('/bin/sh', { args: ['-c', `"${target.node}" "${BIN}" --help | true; echo done`] });
  expect(await command.gone()).toEqual({ code: 0, signal: null });
  expect(command.stderr).toBe('');
});

testOn('posixProcesses')('the link that npm makes starts it', () => {
  const bins = join(folderWith({}), 'node_modules/.bin');
  mkdirSync(bins, { recursive: true });
  symlinkSync(BIN, join(bins, 'prefork'));
  expect(execFileSync(join(bins, 'prefork'), ['-v'], { encoding: 'utf8' })).toBe(`${version}\n`);
});

test('the file that watches has the licences of the packages in it', () => {
  const text = readFileSync(inPackage('dist/command/watcher.cjs'), 'utf8');
  expect(text.match(/Contains \w+ [\d.]+, under this licence:/g)).toHaveLength(2);
  expect(text.match(/MIT License/gi)?.length).toBeGreaterThanOrEqual(2);
});
