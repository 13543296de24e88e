// What a run of vitest says, as its reporter `json` has written it.

/**
 * @param code of vitest
 * @param transcript path of all that it printed
 * @returns `{ passed, failed, skipped, flaky, problems }`: how many tests; how many of those that passed had failed before; what the failed and
 * the flaky ones say.
 */
export function judge({ testResults }, code, transcript) {
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const count = (wanted) => tests.filter(({ status }) => status === wanted).length;
  const [passed, failed] = [count('passed'), count('failed')];
  // Vitest keeps what the earlier attempts said.
  const flaky = tests.filter(({ status, failureMessages = [] }) => status === 'passed' && failureMessages.length > 0);
  const problems = tests
    .filter(({ status }) => status === 'failed')
    .map(({ fullName, failureMessages }) => `${fullName}\n${failureMessages.join('\n')}`);
  // A file that could not be loaded, or that left something behind, has no failed test.
  for (const { name, status, message, assertionResults } of testResults) {
    if (status === 'failed' && assertionResults.every((test) => test.status !== 'failed'))
      problems.push(`${name}: ${message}`);
  }
  if (code !== 0 && problems.length === 0) problems.push(`vitest ended with exit code ${code}`);
  if (passed + failed === 0 && problems.length === 0) problems.push('no test ran');
  const broken = problems.length > 0;
  for (const { fullName, failureMessages } of flaky)
    problems.push(`Flaky, passed at a later attempt: ${fullName}\n${failureMessages.join('\n')}`);
  if (problems.length > 0) problems.push(`All of it: ${transcript}`);
  return {
    passed,
    failed: Math.max(failed, broken ? 1 : 0),
    skipped: tests.length - passed - failed,
    flaky: flaky.length,
    problems,
  };
}
