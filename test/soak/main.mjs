// `npm run soak -- --minutes N`: fleets of both sharings, by prefork() and by the command, for as long as you like. Thousands of recoveries,
// reloads under thousands of kept connections, and a mix of load, kills, reloads, scalings, standstills and missing descriptors. Ends with
// exit code 1 when a bound is broken, and with 2 when it cannot do what it is asked for. Ctrl+C ends it early, with its report and exit
// code 130; twice, at once.
//   --minutes <n>       of the mix, all fleets together. Default: 8
//   --only <mode>       recoveries, kept or mix
//   --fleet <word>      fleets whose name contains the word (of recoveries: kinds of workers)
//   --seed <n>          repeats the order of the actions of an earlier mix
//   --recoveries <n>    of each kind of workers. Default: 10000 of shells, 300 of Node
//   --reloads <n>       under kept connections. Default: 50
//   --connections <n>   that are kept. Default: 10000. The soak raises its limit of descriptors for them, or refuses to run
//   --log <file>        gets the lines that the fleets of the mix log
import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { chosen } from './chosen.mjs';
import { MARK, markedProcesses } from './counts.mjs';
import { fleets } from './fleets.mjs';
import { kept } from './kept.mjs';
import { raiseLimit, shortOf } from './limits.mjs';
import { mix } from './mix.mjs';
import { cells, recoveries } from './recoveries.mjs';
import { reportOnKept, reportOnMix, reportOnRecoveries } from './report.mjs';

/** Exit codes, as a shell has them. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143 };
const { values: flags } = parseArgs({
  options: {
    minutes: { type: 'string', default: '8' },
    only: { type: 'string' },
    fleet: { type: 'string', default: '' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    recoveries: { type: 'string' },
    reloads: { type: 'string', default: '50' },
    connections: { type: 'string', default: '10000' },
    log: { type: 'string' },
  },
});
if (process.platform !== 'linux') fail('The soak counts descriptors and processes in /proc: it runs on Linux.');
const { counts, parts, refusal } = chosen(flags, { fleets, cells });
if (refusal !== undefined) fail(refusal);
if (parts.kept !== undefined) {
  const short = shortOf(counts.connections, raiseLimit(counts.connections));
  if (short !== undefined) fail(short);
}

process.env[MARK] = randomUUID();
const ended = new AbortController();
const { signal } = ended;
setMaxListeners(0, signal);
/** Milliseconds: npm passes on the SIGINT that the terminal has already sent to every process. */
const ECHO = 500;
let asked;
let endedWith = 0;
for (const [name, code] of Object.entries(SIGNALS)) {
  process.on(name, () => {
    if (signal.aborted && performance.now() - asked < ECHO) return;
    // The fleets and the clients end with their channels.
    if (signal.aborted) process.exit(code);
    asked = performance.now();
    endedWith = code;
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
};
if (parts.recoveries !== undefined) {
  const rows = await recoveries(parts.recoveries, means);
  note(rows);
  console.log(reportOnRecoveries(rows));
}
if (parts.kept !== undefined) {
  const rows = await each(parts.kept, (fleet) => kept({ fleet, ...means }));
  note(rows);
  console.log(reportOnKept(rows));
}
if (parts.mix !== undefined) {
  const share = (counts.minutes * 60_000) / parts.mix.length;
  const rows = await each(parts.mix, (fleet) => {
    const end = performance.now() + share;
    return mix({ fleet, ...means, seed: counts.seed, until: () => end });
  });
  note(rows);
  console.log(reportOnMix(rows));
}
for (const pid of await leftBehind()) broken.push(`process ${pid} was left behind, and killed`);
if (signal.aborted) console.log('It was ended early, and has not done all of it.');
console.log(
  broken.length === 0
    ? `Every bound held${signal.aborted ? ' until then' : ''}.`
    : `Broken; --seed ${counts.seed} repeats the order:\n  ${broken.join('\n  ')}`,
);
process.exitCode = broken.length === 0 ? endedWith : 1;

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
