// Runs a part of the tests under a sanitizer: the test processes, too, because the native tests have the addon in their own.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../scripts/tools/paths.mjs';
import { judge } from './judge.mjs';

/** How many times longer everything may take: test/helpers/target.ts. */
const SLOWNESS = 10;
/**
 * How often a failed test runs again: at this speed a bound of milliseconds may be missed, and a process without descriptors cannot write a
 * report about Node. What the first attempt reported counts, and the result names the test.
 */
const RETRIES = 2;

/** @returns as `judge()` */
export async function runSuite({ name, args, env = {} }, build, { folder, node }) {
  const results = join(ROOT, '.results', `sanitizers-${build.name}-${name}.json`);
  const transcript = results.replace('.json', '.log');
  mkdirSync(join(ROOT, '.results'), { recursive: true });
  rmSync(results, { force: true });
  const vitest = [join(folder, 'node_modules/vitest/vitest.mjs'), 'run', ...args];
  const output = openSync(transcript, 'w');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${results}`];
  const child = spawn(node, [...vitest, ...chosenTests(build), `--retry=${RETRIES}`, ...reporters], {
    cwd: folder,
    env: { ...environment(), ...env, PREFORK_TEST_TARGET: JSON.stringify({ slowness: SLOWNESS }) },
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  if (!existsSync(results)) {
    const problems = [`vitest ended with exit code ${code}: ${transcript}`];
    return { passed: 0, failed: 1, skipped: 0, flaky: 0, problems };
  }
  return judge(JSON.parse(readFileSync(results, 'utf8')), code, transcript);
}

/** Titles have no character that means something in a pattern. */
function chosenTests({ leftOut = {} }) {
  const titles = Object.keys(leftOut);
  return titles.length === 0 ? [] : [`--testNamePattern=^(?!${titles.join('|')})`];
}

/** Tests look for variables of the package in places where they do not belong. */
function environment() {
  const { PREFORK_CACHE_DIR: _cache, ...rest } = process.env;
  return { ...rest, NO_COLOR: '1' };
}
