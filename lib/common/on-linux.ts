/** The way to what the addon has on Linux only. */

import type { LinuxBinding, NativeBinding } from '../addon/native.cjs';
import { PreforkError } from './errors.js';

/**
 * For callers whose feature (`sharding`, `reuseport`, `queueDepth`) was found in `features` before.
 * @throws PreforkError `ERR_PREFORK_UNSUPPORTED` elsewhere, so that a forgotten question is an error with a name.
 */
export function onLinux(native: NativeBinding): LinuxBinding & NativeBinding {
  if (isLinux(native)) return native;
  throw new PreforkError('ERR_PREFORK_UNSUPPORTED', `The addon for ${process.platform} cannot do this: only Linux can`);
}

export function isLinux(native: NativeBinding): native is LinuxBinding & NativeBinding {
  // One stands for all: native/binding/linux.cc exports them together.
  return 'steer' in native;
}
