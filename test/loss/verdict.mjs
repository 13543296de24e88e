// What a run of the suite comes to.

/**
 * @param rows As runCell() returns them, with `scenario` and `fleet`.
 * @param leftOut Why something was not begun, in words.
 * @param broken Why not everything could be done, if so.
 * @param mayLeaveOut What this machine cannot do, or has no time for, is no failure.
 * @returns `{ remarks, failures }`, lines to print: a run without failures has shown all that it was asked for.
 */
export function verdictOn({ rows, leftOut, broken, mayLeaveOut }) {
  const missing = [...leftOut];
  for (const { scenario, fleet, done, count } of rows) {
    if (done < count) missing.push(`Too slow a machine: ${scenario}, ${fleet} only ${done} of ${count} times`);
  }
  const failures = rows
    .filter(({ verdict }) => verdict === 'FAILED' || verdict === 'LOST')
    .map(({ scenario, fleet, failures: texts }) => [`${scenario}, ${fleet}`, ...texts].join('\n  '));
  if (broken !== undefined) failures.push(`The suite failed: ${broken}`);
  if (rows.length === 0) failures.push('Nothing was done: --only and --scenario name no fleet that has the scenario');
  if (!mayLeaveOut) failures.push(...missing);
  const notes = rows.flatMap(({ scenario, fleet, notes: own = [] }) =>
    own.map((note) => `${scenario}, ${fleet}: ${note}`),
  );
  return { remarks: [...(mayLeaveOut ? missing : []), ...notes], failures };
}
