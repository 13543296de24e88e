// Runs the integration tests here, against fleets that run on another platform.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { claimedBy, readNumbers } from '../tools/conformance-numbers.mjs';
import { LEFT_OUT } from './left-out.mjs';

const NUMBERS = readNumbers(readFileSync(join(import.meta.dirname, '../../docs/internals/conformance.md'), 'utf8'));

/**
 * @param target what test/helpers/target.ts describes
 * @param wrapper a command that runs the command behind it
 * @param files test files below test/integration, without `.test.ts`; none: all that make sense on the target
 * @returns the result in one line
 * @throws with the failures
 */
export async function runSuite({ root, log }, target, { wrapper = [], files = [] } = {}) {
  const leftOut = LEFT_OUT[target.name.replace(/ .*/, '')];
  for (const [file, why] of Object.entries(files.length > 0 ? {} : leftOut)) log(`  left out ${file}: ${why}`);
  const results = join(root, '.results', `${target.name.replaceAll(' ', '-')}.json`);
  mkdirSync(join(root, '.results'), { recursive: true });
  rmSync(results, { force: true });
  const [command, ...args] = [
    ...wrapper,
    process.execPath,
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--project=integration',
    '--project=alone',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${results}`,
    ...(files.length > 0 ? files : filesThatMakeSense(root, leftOut)).map((file) => `test/integration/${file}.test.ts`),
  ];
  const env = { ...process.env, PREFORK_TEST_TARGET: JSON.stringify(target) };
  // Tests look for variables of the package in places where they do not belong.
  delete env.PREFORK_CACHE_DIR;
  // The suite writes it as it goes, because hours may pass under an emulation. It has the output of the fleets of failed tests.
  const transcript = results.replace('.json', '.log');
  const output = openSync(transcript, 'w');
  const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', output, output] });
  closeSync(output);
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  if (!existsSync(results)) {
    throw new Error(`vitest ended with exit code ${code}:\n${readFileSync(transcript, 'utf8')}`);
  }
  return judge(JSON.parse(readFileSync(results, 'utf8')), code, transcript, log);
}

/** By name: a project of Vitest that excludes files itself does not hear of `--exclude`. */
function filesThatMakeSense(root, leftOut) {
  return readdirSync(join(root, 'test/integration'), { recursive: true })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => file.replace(/\.test\.ts$/, ''))
    .filter((file) => !(file in leftOut));
}

/** As `left-out.mjs` names it. */
function fileOf(name) {
  return name.replace(/^.*\/test\/integration\//, '').replace(/\.test\.ts$/, '');
}

/** C2 before C10. */
const inOrder = (a, b) => a.localeCompare(b, 'en', { numeric: true });

function judge({ testResults }, code, transcript, log) {
  const tests = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map((test) => ({ ...test, file: fileOf(name) })),
  );
  const passed = tests.filter(({ status }) => status === 'passed');
  const failed = tests.filter(({ status }) => status === 'failed');
  // A file that could not be loaded, or that left something behind, has no failed test.
  const broken = testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  );
  for (const { file, title } of tests.filter(({ status }) => status !== 'passed' && status !== 'failed')) {
    log(`  skipped  ${file}: ${title}`);
  }
  const shown = new Set(passed.flatMap(({ ancestorTitles, title }) => claimedBy([...ancestorTitles, title])));
  const others = [...NUMBERS.values()].filter((number) => number.parts.length === 0 && !shown.has(number.id));
  log(`  numbers with a passing test: ${[...shown].sort(inOrder).join(' ')}`);
  log(`  numbers without: ${others.map(({ id }) => id).join(' ')}`);
  const line = `${passed.length} of ${tests.length} tests in ${testResults.length} files passed, ${tests.length - passed.length - failed.length} skipped`;
  if (failed.length + broken.length > 0 || code !== 0) {
    const details = [
      ...failed.map(({ file, fullName, failureMessages }) => `${file}: ${fullName}\n${failureMessages.join('\n')}`),
      ...broken.map(({ name, message }) => `${fileOf(name)}: ${message}`),
    ];
    throw new Error(`${line}, ${failed.length + broken.length} failed\n${details.join('\n\n')}\n(${transcript})`);
  }
  return line;
}
