// Starts the processes of a benchmark, and reads the counters of the kernel about them. Linux only.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';

/** Starts a program that reports over its IPC channel. It ends when `stop()` closes its channel, or with us. */
export function start(program, ...args) {
  const child = fork(program, args.map(String));
  const failed = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`${program.pathname} ${args.join(' ')} ended: exit code ${code}, signal ${signal}`);
  });
  failed.catch(() => {});
  const next = async () => (await Promise.race([once(child, 'message'), failed]))[0];
  return {
    pid: child.pid,
    next,
    ask: (question) => {
      child.send(question);
      return next();
    },
    stop: async () => {
      child.disconnect();
      await failed.catch(() => {});
    },
  };
}

/** Microseconds of CPU, user and system, that the threads of a process have had: sched_info of the kernel, in nanoseconds. */
export function cpuTime(pid) {
  return sum(threads(pid), (thread) => Number(read(pid, `task/${thread}/schedstat`).split(' ')[0])) / 1_000;
}

/** How often the threads of a process have gone to sleep of their own accord, and so been woken. */
export function switches(pid) {
  return sum(threads(pid), (thread) => field(pid, `task/${thread}/status`, 'voluntary_ctxt_switches'));
}

/** Kilobytes of memory that a process could still get. */
export function freeMemory() {
  return Number(/^MemAvailable:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))[1]);
}

/** Settles when the process has ended; a zombie has. */
export function isAlive(pid) {
  try {
    const stat = read(pid, 'stat');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error;
    return false;
  }
}

/** Kilobytes: resident memory, and the same with every shared page divided by the number of processes that share it (proc(5)). */
export function memory(pid) {
  return { rss: field(pid, 'status', 'VmRSS'), pss: field(pid, 'smaps_rollup', 'Pss') };
}

function threads(pid) {
  return readdirSync(`/proc/${pid}/task`);
}

function field(pid, file, name) {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(read(pid, file))[1]);
}

function read(pid, file) {
  return readFileSync(`/proc/${pid}/${file}`, 'utf8');
}

export function sum(items, of) {
  return items.reduce((total, item) => total + of(item), 0);
}

export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
