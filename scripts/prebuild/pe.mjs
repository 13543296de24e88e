// Builds the addon for Windows on x64, with every library linked in but the system's own.
import { join } from 'node:path';
import { ensureCommands } from '../tools/debian.mjs';
import { ROOT } from '../tools/paths.mjs';
import { SMALL, settingsOf } from './compile.mjs';
import { run } from './run.mjs';

export const HOOK = join(import.meta.dirname, 'delay-load-hook.cc');
/** The functions of Node-API, as imports from node.exe. */
export const DEFINITIONS = join(ROOT, 'node_modules', 'node-api-headers', 'def', 'node_api.def');
const MINGW = 'x86_64-w64-mingw32';

export async function buildPe(target, output) {
  ensureCommands({
    [`${MINGW}-g++-posix`]: 'g++-mingw-w64-x86-64-posix',
    [`${MINGW}-dlltool`]: 'binutils-mingw-w64-x86-64',
  });
  const { sources, libraries, flags } = settingsOf(target);
  const imports = `${output}.imports.a`;
  await run(`${MINGW}-dlltool`, ['-m', 'i386:x86-64', '-d', DEFINITIONS, '-y', imports]);
  await run(`${MINGW}-g++-posix`, [
    ...['-shared', '-static', '-s', '-DBUILDING_NODE_EXTENSION', ...flags, ...SMALL],
    ...[...sources, HOOK, imports],
    ...['-ldelayimp', ...libraries, '-Wl,--gc-sections', '-o', output],
  ]);
}
