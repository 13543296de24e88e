/** Word of a file that is removed, renamed or given another mode. */

import { type FSWatcher, watch } from 'node:fs';

/**
 * The watch is on the file, not on its folder, where others may be busy: clients that connect are no event. It keeps no process alive.
 * `undefined` where the system has none to spare, or no permission is given: then there is no word.
 */
export function watchFile(path: string, changed: () => void): Pick<FSWatcher, 'close'> | undefined {
  try {
    const watcher = watch(path, { persistent: false }, changed);
    watcher.on('error', () => {});
    return watcher;
  } catch {
    return undefined;
  }
}
