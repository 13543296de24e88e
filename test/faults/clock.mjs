// The wall clock jumps, forth and back, in every process of the fleet, while it does something: nothing takes notice.
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from '../loss/waiting.mjs';
import { isAlive } from './processes.mjs';
import { Stage } from './walk.mjs';

const SOURCE = fileURLToPath(new URL('clock.c', import.meta.url));
const PHASES = ['start', 'serving', 'reload', 'scale', 'recycle', 'stop'];
/** By so many seconds. */
const JUMPS = { 'an hour back': -3_600, 'ten years forth': 315_360_000, 'to 1970': -Infinity };
/** Milliseconds between two jumps. */
const EVERY = 40;
/** Milliseconds in which a process has asked for the time. */
const SEES = 3_000;
/** Bytes of the file: what the clock is fast by, then one for each pid. */
const OFFSET = 8;
const PIDS = 2 ** 22;

const compiled = (library) =>
  spawnSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, SOURCE], { stdio: 'ignore' }).status === 0;

export const clock = {
  name: 'jumps of the clock',
  possible: () => spawnSync('cc', ['--version'], { stdio: 'ignore' }).status === 0 || 'there is no compiler',
  async *cells({ sharing, wanted }) {
    const folder = mkdtempSync(join(tmpdir(), 'prefork-faults-clock-'));
    const [library, file] = ['clock.so', 'clock'].map((name) => join(folder, name));
    set(file, 0);
    truncateSync(file, OFFSET + PIDS);
    if (!compiled(library)) throw new Error(`${SOURCE} does not compile`);
    const how = {
      // Everything that counts time.
      options: { sharing, livenessTimeout: 1_500, recycle: { maxAge: 3_600_000 } },
      env: { LD_PRELOAD: library, PREFORK_FAULTS_CLOCK: file },
    };
    try {
      for (const phase of PHASES)
        for (const [words, seconds] of Object.entries(JUMPS)) {
          const name = `${phase} ${sharing} ${words}`;
          if (!wanted(name)) continue;
          const stage = new Stage(phase, how);
          try {
            if (phase !== 'stop') await stage.go(async () => async () => []);
            let gone;
            let noticed;
            // A worker that gets no CPU for `livenessTimeout` makes no progress, too; a clock that is at fault is so every time.
            for (let attempt = 0; attempt < 3 && (attempt === 0 || noticed?.[0] === 'no progress'); attempt++) {
              gone = await stage.go(jumping(file, seconds));
              noticed = /no progress|not ready within|did not finish|blocked/.exec(gone.log);
            }
            if (!gone.ok) gone.wrong.push('it failed');
            if (noticed !== null) gone.wrong.push(`something took notice: ${noticed[0]}`);
            yield { name, needs: NOTHING, silent: 'nothing takes notice of the clock', ...gone };
          } finally {
            await stage.down();
          }
        }
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

function set(file, seconds) {
  const bytes = Buffer.alloc(8);
  const ago = BigInt(Math.round(seconds === -Infinity ? -Date.now() / 1_000 : seconds));
  bytes.writeBigInt64LE(ago * 1_000_000_000n);
  // In place, never shorter: the processes have it mapped.
  writeFileSync(file, bytes, { flag: existsSync(file) ? 'r+' : 'w' });
}

/** What no log says. */
const NOTHING = /(?!)/;

function sawIt(file, pid) {
  const byte = Buffer.alloc(1);
  const fd = openSync(file, 'r');
  readSync(fd, byte, 0, 1, OFFSET + pid);
  closeSync(fd);
  return byte[0] === 1;
}

function unsee(file, pid) {
  const fd = openSync(file, 'r+');
  writeSync(fd, Buffer.alloc(1), 0, 1, OFFSET + pid);
  closeSync(fd);
}

const jumping = (file, seconds) => async (fleet) => {
  // A fleet that stops is asked now, any other one when it has done what it does.
  const first = fleet.processes();
  for (const pid of first) unsee(file, pid);
  // None of them asks for the time often: the suite makes all of them ask while the clock is wrong. A stop may be over before the next jump.
  const blind = (pids) => pids.filter((pid) => isAlive(pid) && !sawIt(file, pid));
  const asked = (pids) =>
    eventually(async () => {
      if (fleet.ended === undefined) await fleet.order('time');
      return blind(pids).length === 0;
    }, SEES);
  let there = true;
  let jumps = 1;
  set(file, seconds);
  if (first.length > 1) await asked(first);
  const timer = setInterval(() => {
    there = !there;
    jumps++;
    set(file, there ? seconds : 0);
  }, EVERY);
  return async () => {
    const now = fleet.processes();
    clearInterval(timer);
    set(file, seconds);
    const all = now.length > 1 ? now : first;
    await asked(all);
    set(file, 0);
    const rest = blind(all);
    const seen = all.filter((pid) => sawIt(file, pid));
    return {
      hits: seen.length > 0 ? [`${jumps} jumps, seen by ${seen}`] : [],
      wrong: rest.map((pid) => `process ${pid} saw no jump`),
    };
  };
};
