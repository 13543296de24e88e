// `npm run test:sanitizers`: builds the addon with ASan, UBSan and LSan, then with TSan, and runs the native tests, the borders and a part of
// the integration tests with each. A report about the addon, from any process, fails the run.
//   --only <build>      address or thread
//   --suite <name>      native, borders or integration
//   --calls <number>    calls of the borders (default: 20,000)
//   --write             puts the result of a whole run into docs/internals/hardening.md
import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ensureCommands } from '../../scripts/tools/debian.mjs';
import { BUILDS } from './builds.mjs';
import { compile } from './compile.mjs';
import { writeRow } from './page.mjs';
import { processesIn, readReports } from './reports.mjs';
import { runSuite } from './run-suite.mjs';
import { selfCheck } from './self-check.mjs';
import { stage } from './stage.mjs';
import { suites } from './suites.mjs';
import { symbolize } from './symbolize.mjs';

/** Kinds of reports. */
const SHOWN = 10;

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    suite: { type: 'string' },
    calls: { type: 'string', default: '20000' },
    write: { type: 'boolean', default: false },
  },
});
const calls = Number(flags.calls);
const builds = BUILDS.filter(({ name }) => flags.only === undefined || name === flags.only);
const parts = suites(calls).filter(({ name }) => flags.suite === undefined || name === flags.suite);
if (builds.length * parts.length === 0 || !Number.isInteger(calls) || (flags.write && (flags.only ?? flags.suite))) {
  console.error(`--only is one of: ${BUILDS.map(({ name }) => name).join(', ')}
--suite is one of: ${suites(0)
    .map(({ name }) => name)
    .join(', ')}
--calls is a whole number
--write goes with neither --only nor --suite`);
  process.exit(2);
}
if (process.platform !== 'linux')
  throw new Error('The sanitizers run on Linux only: they need the node of Linux, patchelf(1) and GCC');

// libasan, libubsan and libtsan come with g++.
ensureCommands({ 'g++': 'g++', addr2line: 'binutils', patchelf: 'patchelf' });
const began = performance.now();
const total = { passed: 0, failed: 0, skipped: 0, flaky: 0, processes: 0, reports: 0, calls: 0 };
for (const build of builds) await runBuild(build);
const minutes = Math.ceil((performance.now() - began) / 60_000);
console.log(
  `${total.passed} passed, ${total.flaky} of them at a later attempt, ${total.failed} failed, ${total.skipped} skipped; ${total.reports} reports of ${total.processes} processes; ${minutes} minutes`,
);
if (total.failed + total.reports > 0) process.exitCode = 1;
else if (flags.write) writeRow({ ...total, minutes, builds });

async function runBuild(build) {
  const place = await stage(build);
  console.log(`${build.what}: compiles`);
  await compile(build, place);
  await selfCheck(build, place);
  console.log(`${build.what}: reports ${Object.keys(build.breaks).join(', ')} of an addon that has these mistakes`);
  for (const part of parts) {
    const { problems, ...counts } = await runSuite(part, build, place);
    for (const [name, count] of Object.entries(counts)) total[name] += count;
    if (part.name === 'borders') total.calls += calls;
    console.log(
      `${build.what}: ${part.name}: ${counts.passed} passed, ${counts.flaky} of them at a later attempt, ${counts.failed} failed, ${counts.skipped} skipped`,
    );
    for (const problem of problems) console.log(problem);
  }
  const failed = tell(build, place);
  if (!failed) rmSync(place.folder, { recursive: true, force: true });
}

/** @returns whether there are reports; then the folder stays, because addr2line(1) and gdb(1) need it. */
function tell(build, { folder, reports, node, addon }) {
  const { ours, ofNode, notes } = readReports(reports);
  const processes = processesIn(reports);
  total.processes += processes;
  total.reports += ours.length;
  console.log(`${build.what}: ${processes} processes, ${ours.length} reports, ${ofNode} about Node alone`);
  for (const [name, count] of Object.entries(notes)) console.log(`  ${count} times: ${name}`);
  const kinds = new Map();
  for (const report of ours) kinds.set(kindOf(report), [...(kinds.get(kindOf(report)) ?? []), report]);
  for (const [first, ...others] of [...kinds.values()].slice(0, SHOWN)) {
    console.log(`\n${first.file} and ${others.length} more:\n${symbolize(first.text, [node, addon])}`);
  }
  if (ours.length > 0) console.log(`${kinds.size} kinds; all of them: ${folder}`);
  return ours.length > 0;
}

/** Reports of one place are of one kind, in whatever process. */
function kindOf({ text, stacks }) {
  return stacks.length === 0 ? text : JSON.stringify(stacks.map((stack) => stack.map(({ offset }) => offset)));
}
