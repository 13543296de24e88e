// Builds the addon for Linux, with either C library.
import { writeFileSync } from 'node:fs';
import { EXPORTS, NO_DEMANGLER, SMALL, settingsOf } from './compile.mjs';
import { zig } from './zig.mjs';

/** libstdc++ of the build machine would be newer than that of the user: zig links its own libc++ into the addon. */
export async function buildElf(target, output) {
  const { sources, libraries, flags } = settingsOf(target);
  const script = `${output}.exports`;
  writeFileSync(script, `{ global: ${EXPORTS.join('; ')}; local: *; };\n`);
  // CMSG_NXTHDR of musl compares a size with a difference of pointers, in its own header.
  const tolerated = target.libc === 'musl' ? ['-Wno-sign-compare'] : [];
  await zig([
    'c++',
    ...['-target', target.triple, '-shared', '-fPIC', '-s', ...flags, ...tolerated, ...SMALL],
    ...[...sources, NO_DEMANGLER],
    ...libraries,
    ...[`-Wl,--version-script=${script}`, '-Wl,--gc-sections', '-o', output],
  ]);
}
