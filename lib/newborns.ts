/** Workers that have no job yet: they end with the master all the same. */

import type { WindowsBinding } from './native-windows.cjs';

let births = 0;

/** Starts a process and ties it to its job: nobody is left behind by a master that is killed meanwhile. */
export async function holdingNewborns<Born>(
  native: Pick<WindowsBinding, 'holdNewborns'>,
  birth: () => Promise<Born>,
): Promise<Born> {
  if (births === 0) native.holdNewborns(true);
  births += 1;
  try {
    return await birth();
  } finally {
    births -= 1;
    if (births === 0) native.holdNewborns(false);
  }
}
