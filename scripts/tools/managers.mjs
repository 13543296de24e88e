// The package managers that tests install the package with. Each comes as an npm package of one program without dependencies.
import { join } from 'node:path';
import { packageFolder } from './packages.mjs';

/** pnpm 11 needs Node 22. */
const PNPM = 'pnpm@10.34.8';
const YARN_1 = 'yarn@1.22.22';
/** `corepack` would fetch this one, too. */
const YARN_4 = '@yarnpkg/cli-dist@4.18.1';
const BUN = '1.4.4';

/** @returns the command that starts the package manager. @throws when npm cannot fetch it. */
export const managers = {
  pnpm: () => script(PNPM, 'bin/pnpm.cjs'),
  'yarn 1': () => script(YARN_1, 'bin/yarn.js'),
  'yarn 4': () => script(YARN_4, 'bin/yarn.js'),
  bun: () => [join(packageFolder(`${bunHere()}@${BUN}`), 'bin', 'bun')],
};

function script(spec, file) {
  return [process.execPath, join(packageFolder(spec), file)];
}

/** The package that `bun` chooses for this system when it is installed; a script of `bun` would put the program into its place. */
function bunHere() {
  const arch = process.arch === 'arm64' ? 'aarch64' : process.arch;
  const { glibcVersionRuntime } = process.report.getReport().header;
  const musl = process.platform === 'linux' && glibcVersionRuntime === undefined ? '-musl' : '';
  return `@oven/bun-${process.platform}-${arch}${musl}`;
}
