// `npm run test:model:mutations`: plants one mistake after the other into a copy of the sources, and shows that the model finds it.
//   --only <word>   mistakes whose description contains the word
//   --runs <number> of each property, at the most; default 2000
//   --seed <number> the same lives as in an earlier run
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { MUTATIONS } from './mutations.mjs';

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    runs: { type: 'string', default: '2000' },
    seed: { type: 'string' },
  },
});
if (![flags.runs, flags.seed ?? '1'].every((text) => /^-?\d+$/.test(text)) || Number(flags.runs) < 1) {
  console.error('--runs and --seed are whole numbers, and --runs is 1 at least');
  process.exit(2);
}
const chosen = MUTATIONS.filter(({ what }) => what.includes(flags.only));
if (chosen.length === 0) {
  console.error(`--only is a part of:\n${MUTATIONS.map(({ what }) => `  ${what}`).join('\n')}`);
  process.exit(2);
}

const root = join(import.meta.dirname, '../..');
/** What the test needs, as it is here; the rest is reached by links. */
const COPIED = ['lib', 'test', 'package.json', 'tsconfig.json', 'vitest.config.ts'];
const LINKED = ['node_modules', 'build'];

const copy = mkdtempSync(join(tmpdir(), 'prefork-model-'));
process.on('exit', () => rmSync(copy, { recursive: true, force: true }));
for (const name of COPIED) cpSync(join(root, name), join(copy, name), { recursive: true });
for (const name of LINKED) symlinkSync(join(root, name), join(copy, name));

/** Runs of each property without a mistake: as many as `npm test` makes. */
const SOUND = Math.min(300, Number(flags.runs));

/** Runs every property until the first that fails. */
function runModel(runs = flags.runs) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      join(root, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--project=unit',
      '--bail=1',
      'test/unit/master/model.test.ts',
    ],
    {
      cwd: copy,
      encoding: 'utf8',
      env: {
        ...process.env,
        NO_COLOR: '1',
        PREFORK_MODEL_RUNS: String(runs),
        PREFORK_MODEL_SHRINKS: '0',
        ...(flags.seed !== undefined && { PREFORK_MODEL_SEED: flags.seed }),
      },
    },
  );
  const output = stdout + stderr;
  const after = /Property failed after (\d+) tests/.exec(output)?.[1];
  const seed = /seed: (-?\d+), path: "(\d+)/.exec(output);
  const claim = /AssertionError.*?: (.*)/.exec(output)?.[1];
  const property = /FAIL .* > (.*)/.exec(output)?.[1];
  return { status, output, after, seed: seed?.[1], path: seed?.[2], claim, property };
}

/** Puts the mistake in; returns how to take it out again. */
function plant({ file, from, to }) {
  const path = join(copy, file);
  const source = readFileSync(path, 'utf8');
  const times = source.split(from).length - 1;
  if (times !== 1) throw new Error(`${file} has this ${times} times, and should have it once:\n${from}`);
  writeFileSync(
    path,
    source.replace(from, () => to),
  );
  return () => writeFileSync(path, source);
}

// What fails by itself would be taken for a mistake that is found.
const sound = runModel(SOUND);
if (sound.status !== 0) {
  console.error(`The model fails without any mistake:\n${sound.output}`);
  process.exit(1);
}
let missed = 0;
for (const mutation of chosen) {
  const undo = plant(mutation);
  const { output, after, seed, path, claim, property } = runModel();
  undo();
  if (after === undefined) missed++;
  console.log(
    `${after === undefined ? 'NOT FOUND' : `found after ${after} ${after === '1' ? 'run' : 'runs'}`}: ${mutation.what}`,
  );
  if (after !== undefined) console.log(`    ${property}\n    ${claim} (seed ${seed}, path ${path})`);
  // Neither found nor passed: the copy does not run.
  else if (!/Tests {2}\d+ passed/.test(output)) console.log(output);
}
console.log(
  `${chosen.length - missed} of ${chosen.length} mistakes were found, within ${flags.runs} runs of each property`,
);
process.exitCode = missed === 0 ? 0 : 1;
