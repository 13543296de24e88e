// Removes everything that a build, a test run or `npm run docs` made.
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

for (const folder of ['build', 'prebuilds', 'dist', '.results', 'docs/api']) {
  rmSync(fileURLToPath(new URL(`../${folder}`, import.meta.url)), { recursive: true, force: true });
}
