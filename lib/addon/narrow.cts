/**
 * From the addon of whatever system this is to that of the one that is needed: one check for each, and no cast. CommonJS, because the
 * preload of a worker needs it.
 */

import type { CommonAddon, LinuxAddon, PosixAddon } from './native.cjs';
import type { WindowsAddon } from './native-windows.cjs';

// One function stands for all of a system: its file of native/binding/ exports them together.

export function isPosix(addon: CommonAddon): addon is PosixAddon {
  return 'setCloseOnExec' in addon;
}

export function isLinux(addon: CommonAddon): addon is LinuxAddon {
  return 'steer' in addon;
}

export function isWindows(addon: CommonAddon): addon is WindowsAddon {
  return 'adoptSocket' in addon;
}

/** @throws `ERR_PREFORK_UNSUPPORTED` on Windows, so that a forgotten question is an error with a name. */
export function posix(addon: CommonAddon): PosixAddon {
  if (isPosix(addon)) return addon;
  throw unsupported('Linux and macOS');
}

/**
 * For callers whose feature (`sharding`, `reuseport`, `queueDepth`) was found in `features` before.
 * @throws `ERR_PREFORK_UNSUPPORTED` elsewhere.
 */
export function linux(addon: CommonAddon): LinuxAddon {
  if (isLinux(addon)) return addon;
  throw unsupported('only Linux');
}

/** @throws `ERR_PREFORK_UNSUPPORTED` elsewhere. */
export function windows(addon: CommonAddon): WindowsAddon {
  if (isWindows(addon)) return addon;
  throw unsupported('only Windows');
}

/** Has the shape of a `PreforkError`: that class is an ES module, out of reach of the preload. */
function unsupported(where: string): Error {
  const error = new Error(`The addon for ${process.platform} cannot do this: ${where} can`);
  return Object.assign(error, { name: 'PreforkError', code: 'ERR_PREFORK_UNSUPPORTED', exits: [] });
}
