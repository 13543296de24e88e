// `prepack`, which npm runs for `npm pack` and `npm publish`: builds all that the package contains, and fails when a part cannot be built.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { isStale } from '../prebuild/stale.mjs';
import { TARGETS } from '../prebuild/targets.mjs';
import { ROOT } from '../tools/paths.mjs';
import { demandDependencies } from './dependencies.mjs';
import { giveBack, writeAddress } from './manifest.mjs';

// What an interrupted run has left.
giveBack(ROOT);
demandDependencies();
const missing = TARGETS.filter(({ file }) => isStale(join(ROOT, file)));
if (missing.length > 0) {
  console.error(
    `${missing.length} of ${TARGETS.length} addons are missing or older than their sources; building them may take up to 25 minutes. ` +
      '`npm run pack:local` takes less than a minute: its package has the addon of this system only.',
  );
}
run(process.execPath, ['scripts/prebuild/main.mjs', '--complete']);
run('npm', ['run', '--silent', 'build:ts']);
// Last: when something above fails, npm does not run `postpack`.
if (!writeAddress(ROOT)) {
  console.error(
    'The package.json of the package gets no repository, bugs and homepage: the remote `origin` of this clone is no public https or ssh ' +
      'address. npm publishes it all the same, but not with --provenance.',
  );
}

function run(command, args) {
  // npm is a .cmd on Windows, which only a shell starts.
  const shell = process.platform === 'win32' && command === 'npm';
  const { status } = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit', shell });
  if (status === 0) return;
  console.error('Nothing was packed: an incomplete package would not start.');
  process.exit(1);
}
