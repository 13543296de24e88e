/** The package as people install it, made of the build that is under test. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { inherited } from './environment.js';
import { target } from './target.js';

/** Removed after the test file; `name` begins its name. */
export function folderForFile(name: string): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), name)));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Packing takes two seconds. */
export const PACK_MS = 180_000;

/** The archive that `npm run pack:local` makes, in this folder. */
export function packLocally(folder: string): string {
  const script = join(target.root, 'scripts/pack/local.mjs');
  const args = [script, '--built', '--pack-destination', folder];
  return execFileSync(process.execPath, args, { cwd: folder, env: inherited(), encoding: 'utf8' }).trim();
}

/** Unpacks the archive as `node_modules/prefork` of the folder. */
export function unpackInto(folder: string, archive: string): string {
  const script =
    'mkdir -p node_modules && tar xzf "$0" -C node_modules && mv node_modules/package node_modules/prefork';
  execFileSync('sh', ['-c', script, archive], { cwd: folder });
  return join(folder, 'node_modules', 'prefork');
}
