// Windows on arm64, which MinGW of Debian does not know. zig compiles; LLVM's linker links the files that zig would, because zig's
// own linker does not support late imports.
import { basename, dirname, join } from 'node:path';
import { ensureCommands } from '../tools/debian.mjs';
import { EXPORTS, NO_DEMANGLER, SMALL, settingsOf } from './compile.mjs';
import { DEFINITIONS, HOOK } from './pe.mjs';
import { run } from './run.mjs';
import { compileAll, linkedWith, zig, zigFolder } from './zig.mjs';

const LINKER = 'lld-link-19';

export async function buildPeArm64(target, output) {
  ensureCommands({ [LINKER]: 'lld-19' });
  const { sources, libraries, flags } = settingsOf(target);
  const folder = dirname(output);
  const defined = ['-DBUILDING_NODE_EXTENSION', ...flags, ...SMALL];
  const objects = await compileAll(target, [...sources, HOOK, NO_DEMANGLER], folder, defined);
  // The code that looks up a function at its first call.
  const helper = join(zigFolder(), 'lib', 'libc', 'mingw', 'misc', 'delayimp.c');
  const unwind = join(zigFolder(), 'lib', 'libunwind');
  const runtime = [helper, ...UNWINDER.map((name) => join(unwind, 'src', name))];
  const imports = `${output}.imports.lib`;
  await zig(['dlltool', '-m', 'arm64', '-d', DEFINITIONS, '-l', imports]);
  await run(LINKER, [
    ...['-nologo', '-dll', '-machine:arm64', '-lldmingw', '-opt:ref', '-delayload:node.exe'],
    ...EXPORTS.map((name) => `-export:${name}`),
    ...[...objects, ...(await compileAll(target, runtime, folder, [`-I${unwind}/include`, ...THEIRS])), imports],
    ...(await libraryWords(target, folder, libraries)),
    `-out:${output}`,
  ]);
}

/**
 * The library that unwinds the stack for an exception. The build of zig exports all its functions, which no option of the linker undoes: so
 * compile it again without exports.
 */
const UNWINDER = [
  ...['libunwind.cpp', 'Unwind-seh.cpp', 'UnwindLevel1.c', 'UnwindLevel1-gcc-ext.c'],
  ...['UnwindRegistersRestore.S', 'UnwindRegistersSave.S'],
];
const THEIRS = [
  '-O2',
  '-w',
  '-D_LIBUNWIND_HIDE_SYMBOLS',
  '-D_LIBUNWIND_IS_NATIVE_ONLY',
  '-fno-exceptions',
  '-funwind-tables',
  ...SMALL,
];

/** The start of a library, the libraries of C++ and of the system, and their options. */
async function libraryWords(target, folder, libraries) {
  const words = await linkedWith(target, folder, ['-shared', ...libraries]);
  return words.filter((word) =>
    word.startsWith('-')
      ? /^-(ALTERNATENAME|INCLUDE):/.test(word)
      : (/\.lib$/.test(word) && basename(word) !== 'unwind.lib') || basename(word) === 'dllcrt2.obj',
  );
}
