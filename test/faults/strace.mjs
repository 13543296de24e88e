// strace(1) as a hand in the kernel: it counts the system calls of one thread, and refuses, or kills at, any one of them.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Milliseconds. */
const DETACHES = 2_000;

/** False where it is not installed, and where the kernel refuses ptrace(2). */
export const canTrace = spawnSync('strace', ['-o', '/dev/null', 'true'], { stdio: 'ignore' }).status === 0;

/**
 * Attaches to a thread, for a walk through its calls of one kind; `what` is what `-e inject=` takes, behind the name.
 * `follow`: all threads, and the children that they start from then on; each counts by itself.
 * @returns once it has attached. `detach()` returns the lines that it wrote.
 */
export async function attach(tid, calls, what, { follow = false } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-strace-'));
  const file = join(folder, 'trace');
  const filter = ['-e', `trace=${calls.join(',')}`, '-e', 'signal=none'];
  const inject = what === undefined ? [] : ['-e', `inject=${calls.join(',')}:${what}`];
  const tracer = spawn('strace', [...(follow ? ['-f'] : []), '-p', String(tid), '-o', file, ...filter, ...inject], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const gone = once(tracer, 'exit');
  let text = '';
  await new Promise((resolve, reject) => {
    tracer.stderr.setEncoding('utf8').on('data', (data) => {
      text += data;
      if (text.includes('attached')) resolve();
    });
    gone.then(() => reject(new Error(`strace: ${text}`)));
  });
  return {
    async detach() {
      tracer.kill('SIGINT');
      // A parent that waits for its vfork(2) does not stop for strace, which waits for it while the child waits for strace. The kernel lets
      // all of them go when the tracer dies.
      const timer = setTimeout(() => tracer.kill('SIGKILL'), DETACHES);
      await gone;
      clearTimeout(timer);
      const lines = readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '');
      rmSync(folder, { recursive: true });
      return lines;
    },
  };
}

/** How often each call occurs in lines of a trace. */
export function countCalls(lines) {
  const counts = new Map();
  for (const line of lines) {
    const name = /^(\w+)\(/.exec(line)?.[1];
    if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

/** Those at which something was done. */
export const injected = (lines) => lines.filter((line) => line.includes('(INJECTED)') || line.includes('DELAYED'));
