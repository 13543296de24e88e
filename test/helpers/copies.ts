/** Copies of the package under test, and programs beside them. */

import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { onTestFinished } from 'vitest';
import { inPackage, target } from './target.js';

/** What an installation has; `more` names further parts of the package. */
export function copyPackage(folder: string, ...more: readonly string[]): void {
  const { files } = JSON.parse(readFileSync(inPackage('package.json'), 'utf8')) as {
    readonly files: readonly string[];
  };
  const entries = files.filter((file) => /^\w+\.[cm]js$/.test(file));
  for (const part of ['package.json', ...entries, 'dist', target.addons, ...more]) {
    cpSync(inPackage(part), join(folder, part), { recursive: true });
  }
}

/** A copy that runs its own fixtures, in a folder whose name starts so; removed with the test, which may damage it. */
export function copyOfPackage(name = 'prefork-copy-'): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), name)));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  copyPackage(folder, 'test/fixtures');
  symlinkSync(inPackage('node_modules'), join(folder, 'node_modules'));
  return folder;
}

/** What `startMaster` is to be given for a program elsewhere: it looks beside the fixtures. */
export function asFixture(file: string): string {
  return relative(inPackage('test/fixtures'), file).replace(/\.mjs$/, '');
}
