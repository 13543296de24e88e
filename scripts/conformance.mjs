// Shows which test proves which number of docs/internals/conformance.md, and fails when a required number has no passing test.
// Reads the results of the last `npm test`. `npm run conformance -- W19` shows the numbers that start with W19 only.
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { claimedBy, readNumbers } from './tools/conformance-numbers.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const resultsFile = `${root}.results/vitest.json`;
const only = process.argv[2];

if (!existsSync(resultsFile)) {
  console.error('No test results: run `npm test` first.');
  process.exit(1);
}
const results = JSON.parse(readFileSync(resultsFile, 'utf8'));
const numbers = readNumbers(readFileSync(`${root}docs/internals/conformance.md`, 'utf8'));
const tests = readTests(results);

const problems = [];
for (const number of numbers.values()) {
  const proof = proofOf(number);
  if (!number.later && proof.state === 'missing') problems.push(`${number.id}: ${proof.why}`);
  if (only === undefined || number.id.startsWith(only)) print(number, proof);
}
for (const test of tests) {
  for (const id of test.ids) {
    if (!numbers.has(id))
      problems.push(`${id}: not in docs/internals/conformance.md, but "${test.title}" (${test.file}) claims it`);
  }
}

const required = [...numbers.values()].filter((number) => !number.later);
const when = new Date(results.startTime).toISOString();
console.log(`\nResults of ${when}: ${results.testResults.length} test files, ${results.numTotalTests} tests.`);
console.log(`${required.length} numbers are required, ${numbers.size - required.length} belong to a later release.`);
if (problems.length > 0) {
  console.error(`\n${problems.length} not proven:\n  ${problems.join('\n  ')}`);
  process.exit(1);
}
console.log('Every required number has a passing test.');

/** Every test that claims a number. */
function readTests({ testResults }) {
  return testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.flatMap(({ title, ancestorTitles, status }) => {
      const ids = claimedBy([...ancestorTitles, title]);
      return ids.length === 0 ? [] : [{ ids, title, status, file: relative(root, name) }];
    }),
  );
}

/**
 * Its own passing test, or a passing test for each of its parts. A failing test spoils it. A test with a faked host proves nothing
 * about processes: it counts only where the list says so.
 */
function proofOf({ id, unit, alias, parts }) {
  const own = tests.filter((test) => test.ids.includes(id) || test.ids.includes(alias));
  const missing = (why) => ({ own, state: 'missing', why });
  const failed = own.find((test) => test.status === 'failed');
  if (failed !== undefined) return missing(`"${failed.title}" failed`);
  const passed = own.filter((test) => test.status === 'passed');
  if (passed.some((test) => unit || !test.file.startsWith('test/unit/'))) return { own, state: 'proven' };
  if (parts.length > 0 && parts.every((part) => proofOf(numbers.get(part)).state === 'proven')) {
    return { own, state: 'by its parts' };
  }
  if (passed.length > 0) return missing('only unit tests');
  // A missing privilege or tool is no excuse, because another machine has it. An operating system without the ability is one.
  if (own.some((test) => test.title.includes('(skipped: cannot exist on '))) return { own, state: 'impossible here' };
  if (own.length > 0) return missing(`skipped only: "${own[0].title}"`);
  return missing(parts.length > 0 ? 'not every part has a passing test' : 'no test');
}

function print({ id, later }, { own, state, why }) {
  // Vitest calls skipped tests "skipped", "pending" or "todo"; the reason of a skip is in the title.
  const resultOf = ({ status }) => (status === 'passed' || status === 'failed' ? status : 'skipped');
  const dull = only === undefined ? own.filter((test) => resultOf(test) === 'passed').slice(5) : [];
  const verdict = state === 'missing' ? (later ? 'later' : `MISSING: ${why}`) : state;
  console.log(`${id.padEnd(5)} ${verdict}`);
  for (const test of own.filter((candidate) => !dull.includes(candidate))) {
    const title = test.title.length > 140 ? `${test.title.slice(0, 137)}...` : test.title;
    console.log(`      ${resultOf(test).padEnd(7)} ${title}  [${test.file}]`);
  }
  if (dull.length > 0) console.log(`      and ${dull.length} more that passed`);
}
