/** What a person can do about a worker that ended by itself. */

import type { ProcessExit } from '../system/system.js';

const SIGNAL_ADVICE: Readonly<Partial<Record<NodeJS.Signals, string>>> = {
  SIGKILL:
    "the master did not send it: look for the kernel's OOM killer (`journalctl -k | grep -i oom`, `dmesg`), a container memory limit, or a kill -9",
  SIGSEGV: 'native code crashed: start with --report-on-signal or keep the core dump to see where',
  SIGBUS: 'native code crashed, or a mapped file was cut short',
  SIGILL: 'native code executed an illegal instruction: built for another CPU?',
  SIGABRT: 'native code aborted, or V8 ran out of heap (see --max-old-space-size): stderr says which',
  SIGXCPU: 'the CPU time limit (ulimit -t) is used up',
  SIGTERM:
    'sent by the worker itself or by another process, not by the master; a worker that has to leave calls worker.retire(), and to stop the fleet, signal the master',
  SIGINT: 'sent by the worker itself or by another process; to stop the fleet, signal the master',
};

const CODE_ADVICE: Readonly<Record<number, string>> = {
  0: 'the program ended by itself: did it never listen, was the server closed, or did serve return without keeping one?',
  1: 'an uncaught error, or process.exit(1): stderr says which',
  7: 'its uncaughtException handler failed',
  9: 'node rejected a command-line option: see execArgv',
  12: 'its debugger port is in use: see --inspect in execArgv',
  13: 'a top-level await never settled',
  // Windows has no signals: the first is what Node makes of abort(), the others are NTSTATUS values.
  134: 'native code aborted, or V8 ran out of heap (see --max-old-space-size): stderr says which',
  [0xc000_0005]: 'native code crashed: access violation',
  [0xc000_0409]: 'native code aborted: fail fast',
};

interface Ended {
  readonly drainedBy?: NodeJS.Signals | undefined;
  readonly killedBecause?: string | undefined;
}

/**
 * `''` when there is nothing to add.
 * @param worker.drainedBy The signal, not the master's, that made the worker drain before it ended.
 * @param worker.killedBecause Why the master killed it, if it did.
 */
export function exitAdvice({ code, signal }: ProcessExit, worker: Ended = {}): string {
  const { drainedBy, killedBecause } = worker;
  // Whatever the exit: a shell in front of the worker may report it as its own code 137.
  if (killedBecause !== undefined) return ` (the master killed it: it ${killedBecause})`;
  const asked = signal ?? drainedBy;
  const advice = asked === undefined ? CODE_ADVICE[code ?? Number.NaN] : SIGNAL_ADVICE[asked];
  return advice === undefined ? '' : ` (${advice})`;
}

const STOP_SIGNALS: ReadonlySet<NodeJS.Signals | null> = new Set(['SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGTERM'] as const);
/**
 * 128 + signal number: how shells and many programs report that they ended on one of {@link STOP_SIGNALS}; and Ctrl+C on Windows
 * (STATUS_CONTROL_C_EXIT).
 */
const STOP_CODES: ReadonlySet<number | null> = new Set([129, 130, 131, 143, 0xc000_013a]);

/** Whether the exit may belong to a stop of the whole process group that the master has not heard of yet. */
export function mayBelongToStop({ code, signal }: ProcessExit): boolean {
  return STOP_SIGNALS.has(signal) || STOP_CODES.has(code);
}
