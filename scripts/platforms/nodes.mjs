// Node of other platforms and majors: the programs that the packages `node-<platform>-<arch>` carry, kept in the cache.
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { packageFolder } from '../tools/packages.mjs';
import { CACHE } from '../tools/paths.mjs';

/** The newest release at the time of the download: a test of platforms is not the place to find out about a new Node. */
export function node(platform, arch, major) {
  const folder = join(CACHE, 'nodes', `${platform}-${arch}`, String(major));
  const file = join(folder, 'bin', platform === 'win32' ? 'node.exe' : 'node');
  if (existsSync(file)) return file;
  mkdirSync(join(folder, '..'), { recursive: true });
  renameSync(packageFolder(`node-${platform === 'win32' ? 'win' : platform}-${arch}@${major}`), folder);
  return file;
}
