/** `keyFile` and `certFile` as paths that stay right for as long as the master lives. */

import { isAbsolute, join } from 'node:path';
import { logicalCwd } from '../common/program.js';
import type { TlsOptions } from '../types.js';

/**
 * Relative paths begin at the directory that the program was started in, by the name that it was given: after
 * `cd current && node app.js` a reload reads the files of the release that `current` leads to by then, while the kernel's idea of the
 * working directory stays the old release, which may not even exist any more (platform-facts 44).
 */
export function absoluteFiles(tls: TlsOptions): TlsOptions {
  const { keyFile, certFile } = tls;
  const relative = [keyFile, certFile].some((path) => path !== undefined && !isAbsolute(path));
  if (!relative) return tls;
  const from = logicalCwd(process.env, process.cwd());
  const absolute = (path: string): string => (isAbsolute(path) ? path : join(from, path));
  return {
    ...tls,
    ...(keyFile === undefined ? {} : { keyFile: absolute(keyFile) }),
    ...(certFile === undefined ? {} : { certFile: absolute(certFile) }),
  };
}
