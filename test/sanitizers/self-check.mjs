// Proves that a build reports mistakes: each one of broken/broken.cc, in a grandchild without an environment.
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../scripts/prebuild/run.mjs';
import { readReports } from './reports.mjs';

/** @throws when the sanitizer does not see one of them, or reports another one. */
export async function selfCheck(build, { node, broken, reports }) {
  for (const [mistake, words] of Object.entries(build.breaks)) {
    await run(node, [join(import.meta.dirname, 'broken', 'starts.mjs'), broken, mistake]);
    const { ours } = readReports(reports);
    const seen = ours.filter(({ text }) => text.includes(words));
    if (seen.length === 0 || seen.length < ours.length) {
      const texts = ours.map(({ text }) => text.trim().split('\n')[0]);
      throw new Error(
        `The sanitizer sees nothing: ${mistake} of broken.cc was to be reported as "${words}"; reported was: ${texts.join(', ') || 'nothing'}`,
      );
    }
    empty(reports);
  }
}

/** The folder stays: the runtime has its name. */
function empty(reports) {
  rmSync(reports, { recursive: true });
  mkdirSync(reports);
  chmodSync(reports, 0o1777);
  writeFileSync(join(reports, 'processes'), '');
  chmodSync(join(reports, 'processes'), 0o666);
}
