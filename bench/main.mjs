// `npm run bench`: runs all measures in all modes, writes bench/results.json, and from that docs/benchmarks.md with its charts.
//   --quick              fewer, smaller, in three minutes: for a look, not for a comparison; writes to .results/bench/ and judges no
//                        bounds
//   --only NAME,NAME     runs some measures; the results of the others stay as they are
//   --draw               runs no measure, writes the page from the results
// The exit code is 1 when a measure failed, or a bound is missed or was not measured. bench/README.md says more.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { checkBounds } from './lib/bounds.mjs';
import { compileClient } from './lib/client.mjs';
import { writePage } from './lib/page.mjs';
import { findPeers } from './lib/peers.mjs';
import { machine, say } from './lib/report.mjs';
import { placesOf, readResults, writeResults } from './lib/results.mjs';
import { stopAll } from './lib/servers.mjs';
import { MEASURES } from './measures.mjs';

/** After this time the bench begins no measure: the page names those that it left out. */
const TIME_MS = { quick: 3 * 60_000, full: 25 * 60_000 };

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    draw: { type: 'boolean', default: false },
  },
});
const names = flags.only === undefined ? Object.keys(MEASURES) : flags.only.split(',');
const unknown = names.filter((name) => !(name in MEASURES));
if (unknown.length > 0) {
  console.error(`No such measure: ${unknown.join(', ')}. There are: ${Object.keys(MEASURES).join(', ')}`);
  process.exit(2);
}

const places = placesOf(flags.quick);
const results = readResults(places);
const failed = flags.draw ? [] : await measureAll();
await writePage(places, results);
const missed = flags.draw || flags.quick ? 0 : checkBounds(results, names);
if (failed.length > 0) console.error(`\nFailed:\n  ${failed.join('\n  ')}`);
process.exitCode = failed.length > 0 || missed > 0 ? 1 : 0;

async function measureAll() {
  const began = performance.now();
  // Servers and peers keep temporary files in this folder. It goes at the end, also when the run is interrupted.
  const folder = mkdtempSync(join(tmpdir(), 'prefork-bench-'));
  process.env.TMPDIR = folder;
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, interrupt);

  const peers = findPeers();
  results.peers = Object.fromEntries(Object.entries(peers).map(([name, { program: _, ...known }]) => [name, known]));
  for (const [name, { missing }] of Object.entries(peers)) {
    if (missing !== undefined) console.log(`Missing: ${name} (${missing}). The run goes on without it.`);
  }
  const client = await compileClient();
  const failures = [];
  for (const name of names) {
    const start = performance.now();
    const run = { quick: flags.quick, at: new Date().toISOString(), machine: machine() };
    if (start - began > TIME_MS[flags.quick ? 'quick' : 'full']) {
      failures.push(`${name}: not begun for want of time`);
      continue;
    }
    try {
      const data = await MEASURES[name].run({ quick: flags.quick, client, peers });
      results.measures[name] = { ...run, seconds: seconds(start), data };
    } catch (error) {
      results.measures[name] = { ...run, seconds: seconds(start), error: error.message };
      failures.push(`${name}: ${error.stack}`);
    }
    // After each measure: a later failure does not lose its results.
    writeResults(places, results);
    say('');
    console.log(`${seconds(start)} s: ${name}${results.measures[name].error === undefined ? '' : ' FAILED'}`);
  }
  await client.remove();
  console.log(`${seconds(began)} s in all: ${fileURLToPath(places.page)}`);
  return failures;
}

function seconds(since) {
  return Math.round((performance.now() - since) / 100) / 10;
}

/** Servers end with their channels, which end with this process; this process waits for them. */
async function interrupt(signal) {
  console.error(`\n${signal}: ending what was started`);
  await stopAll();
  process.exit(signal === 'SIGINT' ? 130 : 143);
}
