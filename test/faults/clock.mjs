// The wall clock jumps, forth and back, in every process of the fleet, while it does something: nothing takes notice.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Stage } from './walk.mjs';

const SOURCE = fileURLToPath(new URL('clock.c', import.meta.url));
const PHASES = ['start', 'serving', 'reload', 'scale', 'recycle', 'stop'];
/** By so many seconds. */
const JUMPS = { 'an hour back': -3_600, 'ten years forth': 315_360_000, 'to 1970': -Infinity };
/** Milliseconds between two jumps. */
const EVERY = 40;

const compiled = (library) =>
  spawnSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, SOURCE], { stdio: 'ignore' }).status === 0;

export const clock = {
  name: 'jumps of the clock',
  possible: () => spawnSync('cc', ['--version'], { stdio: 'ignore' }).status === 0 || 'there is no compiler',
  async *cells({ sharing, wanted }) {
    const folder = mkdtempSync(join(tmpdir(), 'prefork-faults-clock-'));
    const [library, file] = ['clock.so', 'clock'].map((name) => join(folder, name));
    set(file, 0);
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
            const gone = await stage.go(jumping(file, seconds));
            const noticed = /no progress|not ready within|did not finish|blocked/.exec(gone.log);
            if (!gone.ok) gone.wrong.push('it failed');
            if (noticed !== null) gone.wrong.push(`something took notice: ${noticed[0]}`);
            yield { name, ...gone };
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

const jumping = (file, seconds) => async () => {
  let there = false;
  let jumps = 0;
  const timer = setInterval(() => {
    there = !there;
    jumps++;
    set(file, there ? seconds : 0);
  }, EVERY);
  return async () => {
    clearInterval(timer);
    set(file, 0);
    return jumps > 0 ? [`${jumps} jumps`] : [];
  };
};
