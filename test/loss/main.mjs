// `npm run test:loss`: what clients lose while a fleet is reloaded, killed, blocked, scaled and recycled, ends kept connections, is stopped
// behind a proxy, runs out of descriptors and gets bad releases, in every sharing mode.
//   --only <fleet>      one fleet: shared, sharded, cluster, plain, reuseport
//   --scenario <word>   scenarios whose name contains the word
//   --seed <number>     repeats the random choices of an earlier run
//   --quick             a tenth of everything
//   --may-leave-out     what this machine cannot do, or has no time for, is no failure
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { runCell } from './cell.mjs';
import { fleets, remarks } from './fleets.mjs';
import { makeRandom } from './random.mjs';
import { scenarios } from './scenarios.mjs';
import { HOW_TO_READ, table } from './table.mjs';
import { verdictOn } from './verdict.mjs';

/** Milliseconds after which the suite begins no fleet that is only there to be compared: one that it began just before fits into LIMIT. */
const COMPARE = 13.75 * 60_000;
/** Milliseconds after which the suite ends in any case: the fleets and clients end with it. */
const LIMIT = 14.75 * 60_000;

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    scenario: { type: 'string', default: '' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    quick: { type: 'boolean', default: false },
    'may-leave-out': { type: 'boolean', default: false },
  },
});
const seed = Number(flags.seed);
const chosenFleets = fleets.filter(({ name }) => flags.only === undefined || name === flags.only);
const chosenScenarios = scenarios.filter(({ name }) => name.includes(flags.scenario));
/** Debian keeps nginx in /usr/sbin, which is not on every PATH. */
process.env.PATH += ':/usr/sbin:/sbin';
const isInstalled = ({ command, argument }) => spawnSync(command, [argument], { stdio: 'ignore' }).status === 0;
if (!Number.isInteger(seed) || chosenFleets.length * chosenScenarios.length === 0) {
  console.error(`--only is one of: ${fleets.map(({ name }) => name).join(', ')}
--scenario is a part of: ${scenarios.map(({ name }) => name).join(', ')}
--seed is a whole number`);
  process.exit(2);
}

console.log(`${HOW_TO_READ}${remarks.join('\n')}\n\nNode ${process.version}, seed ${seed}`);
const rows = [];
const leftOut = [];
setTimeout(() => end('it took too long, and was ended'), LIMIT).unref();

const possible = chosenScenarios.filter(({ name, needs }) => {
  if (needs === undefined || isInstalled(needs)) return true;
  leftOut.push(`Left out, because ${needs.command} is not installed: ${name}`);
  return false;
});

// The fleets that promise to lose nothing come first.
for (const fleet of chosenFleets) {
  for (const scenario of possible) {
    if (fleet.plain && !scenario.plain) continue;
    if (scenario.only !== undefined && scenario.only !== fleet.name) continue;
    const what = `${scenario.name}, ${fleet.name}`;
    if (!fleet.lossless && performance.now() > COMPARE) {
      leftOut.push(`Not compared for want of time: ${what}`);
      continue;
    }
    // The same choices for every fleet.
    const most = Math.min(...rows.filter((row) => row.scenario === scenario.name).map(({ done }) => done));
    const row = await runCell({ fleet, scenario, share: flags.quick ? 0.1 : 1, most, random: makeRandom(seed) });
    rows.push({ scenario: scenario.name, fleet: fleet.name, ...row });
    console.error(`${row.seconds.toFixed(0)} s: ${what} ${row.verdict}`);
  }
}
end();

/** @param broken Why not everything could be done. */
function end(broken) {
  console.log();
  for (const { name } of chosenScenarios) {
    const own = rows.filter(({ scenario }) => scenario === name);
    if (own.length > 0) console.log(table(name, own));
  }
  const { remarks: seen, failures } = verdictOn({ rows, leftOut, broken, mayLeaveOut: flags['may-leave-out'] });
  for (const remark of seen) console.log(remark);
  if (failures.length === 0) {
    console.log('Nothing was lost that had not been accepted by a worker that was killed.');
    return;
  }
  console.log(`Failed; --seed ${seed} makes the same choices again:\n${failures.join('\n')}`);
  process.exitCode = 1;
  if (broken !== undefined) process.exit();
}
