// Builds the addon for macOS. zig compiles; LLVM's linker links, which makes a bundle and signs it: Apple silicon runs nothing without a signature.
import { basename, dirname, join } from 'node:path';
import { ensureCommands } from '../tools/debian.mjs';
import { EXPORTS, NO_DEMANGLER, SMALL, settingsOf } from './compile.mjs';
import { run } from './run.mjs';
import { compileAll, linkedWith, zigFolder } from './zig.mjs';

const LINKER = 'ld64.lld-19';
/** As MACOSX_DEPLOYMENT_TARGET in binding.gyp. */
const VERSION = '11.0';

export async function buildMachO(target, output) {
  ensureCommands({ [LINKER]: 'lld-19' });
  const { sources, flags } = settingsOf(target);
  const folder = dirname(output);
  const objects = await compileAll(target, [...sources, NO_DEMANGLER], folder, ['-fPIC', ...flags, ...SMALL]);
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

/** Libraries that zig builds from its own sources. */
async function runtimeLibraries(target, folder) {
  const words = await linkedWith(target, folder);
  return ['libc++.a', 'libc++abi.a', 'libcompiler_rt.a'].map((name) => {
    const path = words.find((word) => basename(word) === name && word !== name);
    if (path === undefined) throw new Error(`zig did not say where its ${name} is:\n${words.join(' ')}`);
    return path;
  });
}
