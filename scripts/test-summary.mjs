// Prints what failed in the last `npm test`, each with the first lines of its message: an hour of output stands before this. The last
// line is for machines: "N passed, N failed, N skipped".
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';

const resultsFile = fileURLToPath(new URL('../.results/vitest.json', import.meta.url));
if (!existsSync(resultsFile)) {
  console.log('0 passed, 1 failed, 0 skipped');
  process.exit(1);
}
const results = JSON.parse(readFileSync(resultsFile, 'utf8'));
// A file can fail although all its tests passed: it does not load, or leaves something behind.
const failedFiles = results.testResults.filter(
  ({ status, assertionResults }) => status === 'failed' && assertionResults.every((test) => test.status !== 'failed'),
);
const root = fileURLToPath(new URL('..', import.meta.url));
const show = (file, title, message = '') => {
  const lines = stripVTControlCharacters(message).split('\n').slice(0, 6);
  console.log([`failed: ${title}  [${relative(root, file)}]`, ...lines].join('\n    '));
};
for (const { name, assertionResults } of results.testResults) {
  for (const { status, fullName, failureMessages } of assertionResults) {
    if (status === 'failed') show(name, fullName, failureMessages[0]);
  }
}
for (const { name, message } of failedFiles) show(name, 'the file itself', message);
const failed = results.numFailedTests + failedFiles.length;
console.log(
  `${results.numPassedTests} passed, ${failed} failed, ${results.numPendingTests + results.numTodoTests} skipped`,
);
process.exit(failed === 0 && results.numPassedTests > 0 ? 0 : 1);
