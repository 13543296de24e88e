/** docs/internals/node-cluster.md: what became of each test. */
export function page(results, version) {
  const of = (outcome) => results.filter((result) => result.outcome === outcome);
  const [passed, failed, skipped] = [of('passed').length, of('failed').length, of('skipped').length];
  const share = ((100 * passed) / (passed + failed)).toFixed(1);
  const rows = results.map(({ folder, name, outcome, reason }) => `| ${folder}/${name} | ${outcome} | ${reason} |`);
  return `# Node's own tests of its cluster module

\`npm run test:node-cluster -- --source DIR\` runs them against \`prefork/cluster\` and writes this page. \`DIR\` is a checkout of Node. Each test
runs in a process of its own, whose \`cluster\` is \`prefork/cluster\`, as is that of its workers.

With Node ${version} on Linux: ${passed} pass, ${failed} fail, ${skipped} skip themselves on this system. That is ${share} % of those that can run.

| Test | Result | Why |
| --- | --- | --- |
${rows.join('\n')}
`;
}
