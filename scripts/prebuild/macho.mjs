// macOS. zig compiles; LLVM's linker links, which makes a bundle and signs it: Apple silicon runs nothing without a signature.
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { ensureCommands } from '../tools/debian.mjs';
import { EXPORTS, NO_DEMANGLER, SMALL, settingsOf } from './compile.mjs';
import { run } from './run.mjs';
import { zig, zigFolder } from './zig.mjs';

const LINKER = 'ld64.lld-19';
/** As MACOSX_DEPLOYMENT_TARGET in binding.gyp. */
const VERSION = '11.0';

export async function buildMachO(target, output) {
  ensureCommands({ [LINKER]: 'lld-19' });
  const { sources, flags } = settingsOf(target);
  const folder = dirname(output);
  const objects = await compileAll([...sources, NO_DEMANGLER], folder, [
    '-target',
    target.triple,
    '-fPIC',
    ...flags,
    ...SMALL,
  ]);
  await run(LINKER, [
    ...['-arch', target.arch === 'x64' ? 'x86_64' : 'arm64', '-platform_version', 'macos', VERSION, VERSION],
    ...['-bundle', '-undefined', 'dynamic_lookup', '-dead_strip', '-adhoc_codesign', '-x', '-S'],
    ...EXPORTS.flatMap((name) => ['-exported_symbol', `_${name}`]),
    ...objects,
    ...(await runtimeLibraries(target, folder)),
    join(zigFolder(), 'lib', 'libc', 'darwin', 'libSystem.11.tbd'),
    ...['-o', output],
  ]);
}

/** As many at once as there are processors. */
async function compileAll(sources, folder, flags) {
  const waiting = [...sources];
  const objects = sources.map((source) => join(folder, `${basename(source, '.cc')}.o`));
  await Promise.all(
    Array.from({ length: availableParallelism() }, async () => {
      for (let source = waiting.shift(); source !== undefined; source = waiting.shift()) {
        await zig(['c++', ...flags, '-g0', '-c', source, '-o', join(folder, `${basename(source, '.cc')}.o`)]);
      }
    }),
  );
  return objects;
}

/** zig builds its C++ library for each target and keeps it where it likes: it tells when it links something. */
async function runtimeLibraries(target, folder) {
  const source = join(folder, 'runtime.cc');
  // Its own text each time: zig does not link again what it has linked before.
  writeFileSync(source, `int main() { return 0; } // ${folder}\n`);
  const args = ['c++', '-target', target.triple, source, '-o', join(folder, 'runtime')];
  const told = await zig(args, { ZIG_VERBOSE_LINK: '1' });
  return ['libc++.a', 'libc++abi.a', 'libcompiler_rt.a'].map((name) => {
    const path = told.split(/\s+/).find((word) => basename(word) === name && word !== name);
    if (path === undefined) throw new Error(`zig did not tell where its ${name} is:\n${told}`);
    return path;
  });
}
