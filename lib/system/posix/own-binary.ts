/** The file that a worker is executed from, also when an update or `nvm uninstall` has removed it since the master was started. */

import { exists } from '../../common/program.js';

/**
 * Linux has the binary of a running process under this name for as long as it runs, deleted or not (proc_pid_exe(5)); resolved in the child,
 * which is still the master's program then. Other systems have no such name: there the spawn says ENOENT.
 */
const SELF = '/proc/self/exe';

/** @param own The binary of this process. Another program that is gone has no substitute. */
export function executable(file: string, own: string, platform: NodeJS.Platform = process.platform): string {
  return file === own && platform === 'linux' && !exists(own) ? SELF : file;
}
