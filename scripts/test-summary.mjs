// Prints the result of the last `npm test` on one line that machines read: "N passed, N failed, N skipped".
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

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
const failed = results.numFailedTests + failedFiles.length;
console.log(
  `${results.numPassedTests} passed, ${failed} failed, ${results.numPendingTests + results.numTodoTests} skipped`,
);
process.exit(failed === 0 && results.numPassedTests > 0 ? 0 : 1);
