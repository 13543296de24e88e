/** `--env-file` for the command itself: the configuration file, and the number of workers, may depend on what is in it. */

import { UsageError } from './usage-error.js';

/** Workers read it again by a flag of node, so that a reload sees a changed file. As there, a variable that is set already stays. */
export function loadEnvFiles(files: readonly string[]): void {
  // Of several files node lets the last one win, and this function the first.
  for (const file of files.toReversed()) {
    try {
      process.loadEnvFile(file);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new UsageError(`option '--env-file' must be the path of a file that can be read; got '${file}' (${code})`);
    }
  }
}
