/** The program of a folder, as `node folder` finds it. */

import { join } from 'node:path';
import { isFile, manifestOf } from './paths-on-disk.js';
import { UsageError } from './usage-error.js';

/**
 * @param name As the user wrote it.
 * @throws UsageError for a folder without a program.
 */
export function folderMain(folder: string, name: string): string {
  const main = manifestOf(join(folder, 'package.json'))?.['main'];
  // Node tries the same, in this order.
  const named = typeof main === 'string' ? ['', '.js', '/index.js'].map((end) => join(folder, main + end)) : [];
  const file = [...named, join(folder, 'index.js')].find(isFile);
  if (file !== undefined) return file;
  const why =
    typeof main === 'string'
      ? `the 'main' of its package.json, ${main}, is no file`
      : "no package.json with a 'main', and no index.js";
  throw new UsageError(`${name} is a folder without a program (${why}): name a file`);
}
