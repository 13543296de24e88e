// `npm run test:systemd`: fleets under systemd itself. Builds a file system for each version of systemd, boots it in namespaces of this machine,
// without a network, and runs the scenarios there. Needs root, Linux and Debian's packages.
//   --suite <name>    bookworm (systemd 252), trixie (257). Default: both
//   --only <words>    scenarios whose name contains the words
//   --roots <folder>  keeps the file systems there for the next run
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { ensureCommands } from '../../scripts/tools/debian.mjs';
import { boot } from './machine.mjs';
import { furnish, makeRoot } from './root.mjs';

const SUITES = ['bookworm', 'trixie'];

const { values: flags } = parseArgs({
  options: {
    suite: { type: 'string' },
    only: { type: 'string', multiple: true, default: [] },
    roots: { type: 'string' },
  },
});
const suites = SUITES.filter((suite) => flags.suite === undefined || suite === flags.suite);
if (suites.length === 0) fail(`--suite is one of: ${SUITES.join(', ')}`);
if (process.platform !== 'linux' || process.getuid() !== 0)
  fail('It makes namespaces and mounts: run it as root, on Linux.');
ensureCommands({ debootstrap: 'debootstrap', unshare: 'util-linux', nsenter: 'util-linux', setpriv: 'util-linux' });

const folder = mkdtempSync(join(tmpdir(), 'prefork-systemd-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
let machine;
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, async () => {
    await machine?.end();
    process.exit(1);
  });
}

let failed = 0;
for (const suite of suites) {
  const base = join(resolve(flags.roots ?? folder), suite);
  const work = join(folder, `on-${suite}`);
  for (const made of [base, work]) mkdirSync(made, { recursive: true });
  say(`${suite}: making its file system`);
  makeRoot(suite, base);
  machine = await boot(base, work);
  try {
    furnish(machine, work);
    failed += await runAll(machine, suite);
  } finally {
    await machine.end();
    machine = undefined;
  }
}
say(failed === 0 ? 'Everything held.' : `${failed} failed.`);
process.exitCode = failed === 0 ? 0 : 1;

/** @returns how many failed. */
async function runAll(machine, suite) {
  const version = await machine.print(['systemctl', '--version']);
  say(`\n## ${suite}: ${version.split('\n')[0]}\n\n| Scenario | | Time |\n|---|---|---|`);
  let wrong = 0;
  const child = machine.run(['node', '/srv/prefork/test/systemd/inside.mjs', ...flags.only], 'pipe');
  const done = new Promise((resolve) => child.once('close', resolve));
  for await (const line of createInterface({ input: child.stdout })) {
    const { name, words, error, skipped, ms = 0 } = JSON.parse(line);
    if (error !== undefined) wrong++;
    const found = error === undefined ? words : 'FAILED';
    say(`| ${name} | ${skipped ? `left out: ${found}` : found} | ${(ms / 1_000).toFixed(1)} s |`);
    if (error !== undefined) process.stderr.write(`${error}\n`);
  }
  const code = await done;
  if (code === 0) return wrong;
  say(`the scenarios ended with code ${code}`);
  return wrong + 1;
}

function say(text) {
  console.log(text);
}

function fail(why) {
  console.error(why);
  process.exit(1);
}
