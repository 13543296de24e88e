// Compiles the addon, and the broken one, with the flags of binding.gyp and those of a sanitizer. What is newer than its sources stays.
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { settingsOf } from '../../scripts/prebuild/compile.mjs';
import { run } from '../../scripts/prebuild/run.mjs';
import { CACHE, ROOT } from '../../scripts/tools/paths.mjs';

const BROKEN = join(import.meta.dirname, 'broken', 'broken.cc');

/** Writes the two files. Objects stay in the cache. */
export async function compile(build, { addon, broken }) {
  const { sources, libraries, flags } = settingsOf({ platform: 'linux', arch: process.arch });
  const folder = join(CACHE, 'sanitizers', build.name);
  mkdirSync(folder, { recursive: true });
  const age = newestOf(
    join(ROOT, 'native'),
    /\.h$/,
    join(ROOT, 'binding.gyp'),
    join(import.meta.dirname, 'builds.mjs'),
  );
  const objects = new Map([...sources, BROKEN].map((source) => [source, objectOf(folder, source)]));
  const waiting = [...objects].filter(([source, object]) => !isNewer(object, source, age));
  const compileNext = async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [source, object] = next;
      const less = source.includes(build.except?.folder) ? build.except.flags : [];
      // Renamed when it is complete: a run that is ended leaves nothing that looks up to date.
      await run('g++', [...flags, ...build.compile, ...build.flags, ...less, '-c', source, '-o', `${object}.part`]);
      renameSync(`${object}.part`, object);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, compileNext));
  const link = (product, of) => run('g++', ['-shared', '-o', product, ...of, ...build.flags, ...libraries]);
  await link(
    addon,
    sources.map((source) => objects.get(source)),
  );
  await link(broken, [objects.get(BROKEN)]);
}

function objectOf(folder, source) {
  return join(folder, `${relative(ROOT, source).replaceAll('/', '+')}.o`);
}

function isNewer(object, source, age) {
  if (!existsSync(object)) return false;
  const made = statSync(object).mtimeMs;
  return made > age && made > statSync(source).mtimeMs;
}

function newestOf(folder, pattern, ...files) {
  const found = readdirSync(folder, { recursive: true }).filter((file) => pattern.test(file));
  return Math.max(...[...found.map((file) => join(folder, file)), ...files].map((file) => statSync(file).mtimeMs));
}
