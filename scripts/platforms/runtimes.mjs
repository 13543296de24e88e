// Runtimes that imitate Node.js, for the tests that they are refused. Kept in the cache.
import { join } from 'node:path';
import { packageFolder } from '../tools/packages.mjs';

export const BUN = '1.4.5';
export const DENO = '2.9.6';

/** Package and program, by `process.arch`. Linux with glibc. */
const PROGRAMS = {
  bun: { x64: [`@oven/bun-linux-x64@${BUN}`, 'bin/bun'], arm64: [`@oven/bun-linux-aarch64@${BUN}`, 'bin/bun'] },
  deno: { x64: [`@deno/linux-x64-glibc@${DENO}`, 'deno'], arm64: [`@deno/linux-arm64-glibc@${DENO}`, 'deno'] },
};

export function runtime(name) {
  const found = process.platform === 'linux' ? PROGRAMS[name][process.arch] : undefined;
  if (found === undefined) throw new Error(`none is known for ${process.platform}-${process.arch}`);
  const [spec, program] = found;
  return join(packageFolder(spec), program);
}
