// The flags of the compilers for all targets, taken from binding.gyp.
import { join } from 'node:path';
import { ROOT } from '../tools/paths.mjs';
import { readGyp } from './gyp.mjs';

const SYSTEMS = { linux: 'linux', darwin: 'mac', win32: 'win' };

/** The only exports: Node finds the addon and its Node-API version by these functions. */
export const EXPORTS = ['napi_register_module_v1', 'node_api_module_get_api_version_v1'];

/** So that the linker can leave out functions without a caller. */
export const SMALL = ['-ffunction-sections', '-fdata-sections'];

/** For targets whose C++ library is linked into the addon. */
export const NO_DEMANGLER = join(import.meta.dirname, 'no-demangler.cc');

/** @returns absolute sources, libraries as binding.gyp has them, and flags for a compiler that understands those of GCC. */
export function settingsOf({ platform, arch }) {
  const gyp = readGyp(SYSTEMS[platform], arch);
  // Node's own headers come with `nodedir` or a download. These have only Node-API, and the addon must use nothing else.
  const folders = [...gyp.include_dirs, 'node_modules/node-api-headers/include'];
  // Flags for GCC are not read on other systems, where xcode_settings and msvs_settings say the same.
  const { cflags, cflags_cc } = platform === 'linux' ? gyp : readGyp('linux', arch);
  return {
    sources: gyp.sources.map((source) => join(ROOT, source)),
    libraries: gyp.libraries,
    flags: [
      ...[...cflags, ...cflags_cc],
      ...gyp.defines.map((define) => `-D${define}`),
      `-I${ROOT}`,
      // Warnings in these headers are not ours.
      ...folders.flatMap((folder) => ['-isystem', join(ROOT, folder)]),
    ],
  };
}
