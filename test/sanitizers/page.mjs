// The row of `npm run test:sanitizers` in docs/internals/hardening.md.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../scripts/tools/paths.mjs';

const PAGE = join(ROOT, 'docs/internals/hardening.md');
const ROW = /^(\| `npm run test:sanitizers` \|[^|]*\|).*$/m;

/** @throws when the page has no such row. */
export function writeRow({ passed, flaky, skipped, processes, calls, minutes, builds }) {
  const page = readFileSync(PAGE, 'utf8');
  const compiler = execFileSync('g++', ['-dumpfullversion'], { encoding: 'utf8' }).trim();
  const day = new Date().toISOString().slice(0, 10);
  const result =
    `${day}, Node ${process.version}, GCC ${compiler}, ${builds.map(({ what }) => what).join('; ')}: ` +
    `${passed} tests passed${flaky === 0 ? '' : `, ${flaky} of them at a later attempt`}, 0 failed, ${skipped} skipped, ${calls.toLocaleString('en-US')} calls at random of the borders, ${processes.toLocaleString('en-US')} processes, 0 reports`;
  if (!ROW.test(page)) throw new Error(`${PAGE} has no row of npm run test:sanitizers`);
  writeFileSync(
    PAGE,
    page.replace(ROW, (_row, begin) => `${begin} ${result} | ${minutes} min |`),
  );
}
