// `npm run soak -- --minutes N`: fleets of both sharings, by prefork() and by the command, for as long as you like. Thousands of recoveries,
// reloads under thousands of kept connections, and a mix of load, kills, reloads, scalings, standstills and missing descriptors. Ends with
// exit code 1 when a bound is broken. Ctrl+C ends it early, with its report; twice, at once.
//   --minutes <n>       of the mix, all fleets together. Default: 8
//   --only <mode>       recoveries, kept or mix
//   --fleet <word>      fleets whose name contains the word (of recoveries: kinds of workers)
//   --seed <n>          repeats the order of the actions of an earlier mix
//   --recoveries <n>    Default: 10000
//   --reloads <n>       under kept connections. Default: 50
//   --connections <n>   that are kept. Default: 10000
//   --log <file>        gets the lines that the fleets of the mix log
import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { MARK, markedProcesses } from './counts.mjs';
import { fleets } from './fleets.mjs';
import { kept } from './kept.mjs';
import { mix } from './mix.mjs';
import { cells, recoveries } from './recoveries.mjs';
import { reportOnKept, reportOnMix, reportOnRecoveries } from './report.mjs';

const MODES = ['recoveries', 'kept', 'mix'];
const { values: flags } = parseArgs({
  options: {
    minutes: { type: 'string', default: '8' },
    only: { type: 'string' },
    fleet: { type: 'string', default: '' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    recoveries: { type: 'string', default: '10000' },
    reloads: { type: 'string', default: '50' },
    connections: { type: 'string', default: '10000' },
    log: { type: 'string' },
  },
});
const counts = {
  minutes: Number(flags.minutes),
  seed: Number(flags.seed),
  recoveries: Number(flags.recoveries),
  reloads: Number(flags.reloads),
  connections: Number(flags.connections),
};
const chosen = ({ name }) => name.includes(flags.fleet);
const modes = MODES.filter((mode) => flags.only === undefined || mode === flags.only);
const chosenFleets = fleets.filter(chosen);
if (process.platform !== 'linux') fail('The soak counts descriptors and processes in /proc: it runs on Linux.');
if (modes.length === 0) fail(`--only is one of: ${MODES.join(', ')}`);
if (!Object.values(counts).every((count) => Number.isFinite(count) && count >= 0))
  fail('A count is a number from 0 up.');
if (chosenFleets.length === 0 && !cells.some(chosen)) {
  fail(`--fleet is a part of: ${[...fleets, ...cells].map(({ name }) => name).join('; ')}`);
}

process.env[MARK] = randomUUID();
const ended = new AbortController();
const { signal } = ended;
setMaxListeners(0, signal);
/** Milliseconds: npm passes on the SIGINT that the terminal has already sent to every process. */
const ECHO = 500;
let asked;
for (const name of ['SIGINT', 'SIGTERM']) {
  process.on(name, () => {
    if (signal.aborted && performance.now() - asked < ECHO) return;
    // The fleets and the clients end with their channels.
    if (signal.aborted) process.exit(1);
    asked = performance.now();
    console.error('soak: ends with what it has; once more ends it at once');
    ended.abort();
  });
}
const folder = mkdtempSync(join(tmpdir(), 'prefork-soak-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const say = (text) => console.error(`${Math.round(performance.now() / 1_000)} s: ${text}`);
console.log(`Node ${process.version}, seed ${counts.seed}`);

const means = { counts, folder, signal, say, log: flags.log };
const broken = [];
const note = (rows) => {
  for (const row of rows) broken.push(...row.broken.map((text) => `${row.name}: ${text}`));
  for (const row of rows) for (const text of row.notes ?? []) console.log(text);
};
if (modes.includes('recoveries')) {
  const rows = await recoveries(cells.filter(chosen), means);
  note(rows);
  console.log(reportOnRecoveries(rows));
}
if (modes.includes('kept')) {
  const rows = await each(chosenFleets, (fleet) => kept({ fleet, ...means }));
  note(rows);
  console.log(reportOnKept(rows));
}
if (modes.includes('mix')) {
  const share = (counts.minutes * 60_000) / chosenFleets.length;
  const rows = await each(chosenFleets, (fleet) => {
    const end = performance.now() + share;
    return mix({ fleet, ...means, seed: counts.seed, until: () => end });
  });
  note(rows);
  console.log(reportOnMix(rows));
}
for (const pid of await leftBehind()) broken.push(`process ${pid} was left behind, and killed`);
if (signal.aborted) console.log('It was ended early.');
console.log(
  broken.length === 0
    ? 'Every bound held.'
    : `Broken; --seed ${counts.seed} repeats the order:\n  ${broken.join('\n  ')}`,
);
process.exitCode = broken.length === 0 ? 0 : 1;

/** Kills them. What the run has ended may take a moment. */
async function leftBehind() {
  for (let i = 0; i < 50 && markedProcesses().length > 0; i++) await delay(100);
  const left = markedProcesses();
  for (const pid of left) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  }
  return left;
}

async function each(items, run) {
  const rows = [];
  for (const item of items) if (!signal.aborted) rows.push(await run(item));
  return rows;
}

function fail(text) {
  console.error(text);
  process.exit(2);
}
