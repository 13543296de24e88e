// `npm run test:faults`: what a fleet does when the kernel refuses a call, a limit is reached, a disk is full, a process is killed or
// stands still, in every phase of its life, under a steady load of clients.
//   --concern <word>   concerns whose name contains the word
//   --only <words>     cells whose name contains the words, as they are printed: 'reload shared openat EMFILE 3'
//   --sharing <way>    shared, sharded
//   --most <number>    so many calls of one kind in one phase, chosen by the seed; `all`: each of them. Default: 4
//   --jobs <number>    so many masters are killed at a time. Default: 2
//   --seed <number>    repeats the random choices of an earlier run
//   --quick            some cells, in half a minute: the share of the suite of tests
//   --may-leave-out    what this machine cannot do, such as strace, is no failure
//   --verbose          a line for each cell
import { parseArgs } from 'node:util';
import { makeRandom } from '../loss/random.mjs';
import { clock } from './clock.mjs';
import { errors } from './errors.mjs';
import { kills } from './kills.mjs';
import { lasting } from './lasting.mjs';
import { newborns } from './newborns.mjs';
import { Report } from './report.mjs';

const concerns = [lasting, clock, errors, ...newborns, kills];

/** Words of cells. */
const QUICK = [
  'reload shared brief EMFILE',
  'reload shared ten years forth',
  'reload shared clone kill 1',
  'reload shared socketpair EMFILE 1',
  'stop shared 50 clients in the queues',
];

const { values: flags } = parseArgs({
  options: {
    concern: { type: 'string', default: '' },
    only: { type: 'string', default: '' },
    sharing: { type: 'string' },
    most: { type: 'string', default: '4' },
    jobs: { type: 'string', default: '2' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    quick: { type: 'boolean', default: false },
    'may-leave-out': { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});
const seed = Number(flags.seed);
const most = flags.most === 'all' ? Infinity : Number(flags.most);
const isCount = (number) => Number.isInteger(number) && number > 0;
const sharings = ['shared', 'sharded'].filter((way) => flags.sharing === undefined || way === flags.sharing);
if (
  sharings.length === 0 ||
  !Number.isInteger(seed) ||
  !isCount(Number(flags.jobs)) ||
  !(most === Infinity || isCount(most))
) {
  console.error(`--sharing is shared or sharded
--most is a whole number from 1 up, or all
--jobs is a whole number from 1 up
--seed is a whole number`);
  process.exit(2);
}
console.log(`Node ${process.version}, seed ${seed}`);
const report = new Report(flags.verbose, flags['may-leave-out']);
/** Asked with the beginning of a name, too: whether there may be a cell. */
const wanted = (name) =>
  flags.quick
    ? QUICK.some((words) => words.startsWith(name))
    : name.includes(flags.only) || flags.only.startsWith(name);
/** How often these calls occur at least: a census takes seconds. */
const counts = () =>
  flags.quick
    ? new Map([
        ['clone', 1],
        ['socketpair', 1],
      ])
    : undefined;
const leftOut = (...what) => report.leftOut(...what);
/** Quick cells that ran. */
const ran = new Set();
for (const concern of concerns.filter(({ name }) => name.includes(flags.concern))) {
  const possible = concern.possible();
  if (possible !== true) {
    report.leftOut(concern.name, possible);
    continue;
  }
  for (const sharing of sharings) {
    const random = makeRandom(seed);
    const cells = concern.cells({ sharing, most, jobs: Number(flags.jobs), random, wanted, leftOut, counts });
    for (;;) {
      try {
        const { value, done } = await cells.next();
        if (done) break;
        report.add(concern.name, value);
        ran.add(value.name);
      } catch (error) {
        report.add(concern.name, { name: `all ${sharing}`, wrong: [error.stack], hits: [], log: '' });
        break;
      }
    }
  }
}
if (flags.quick) for (const name of QUICK) if (!ran.has(name)) report.leftOut(name, 'nothing ran it');
process.exitCode = report.print(seed) ? 0 : 1;
// Nothing here is waited for any more.
process.exit();
