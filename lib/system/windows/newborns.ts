/** Workers that have no job yet: they end with the master all the same. */

import type { WindowsBinding } from '../../addon/native-windows.cjs';

/**
 * Starts a process, if `birth` does so before it returns: no master that is killed meanwhile leaves one behind that never ran. Whatever
 * has begun to run finds out by itself.
 */
export function holdingNewborns<Born>(native: Pick<WindowsBinding, 'holdNewborns'>, birth: () => Born): Born {
  native.holdNewborns(true);
  try {
    return birth();
  } finally {
    native.holdNewborns(false);
  }
}
