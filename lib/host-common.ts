/** The part of a host that is the same on every operating system: Node has it. */

import { join } from 'node:path';
import { native } from './addon.js';
import type { Program } from './command.js';
import type { Host, Timer } from './host.js';
import { isNamed, logicalCwd } from './names.js';
import { TIMER_MAX } from './validate.js';

const PRELOAD = join(import.meta.dirname, 'preload.cjs');

export abstract class CommonHost implements Pick<Host, 'pid' | 'features' | 'program' | 'now' | 'after' | 'onSignal'> {
  readonly pid = process.pid;
  readonly features = native.features;
  readonly program: Program;

  constructor() {
    // Taken at the start: the program may change its directory and environment later.
    this.program = {
      execPath: process.execPath,
      execArgv: process.execArgv,
      argv: process.argv,
      env: process.env,
      cwd: logicalCwd(process.env, process.cwd()),
      physicalCwd: process.cwd(),
      cwdIsNamed: isNamed(process.env, process.cwd()),
      preload: () => PRELOAD,
    };
  }

  now(): number {
    // Monotonic, as performance.now() is, which would load node:perf_hooks: 100 KB of heap.
    return process.uptime() * 1_000;
  }

  after(ms: number, action: () => void): Timer {
    // More than a timer holds would fire at once; 24 days are for ever to everybody who waits here.
    const timer = setTimeout(action, Math.min(ms, TIMER_MAX));
    return { cancel: () => clearTimeout(timer) };
  }

  onSignal(signal: NodeJS.Signals, action: () => void): () => void {
    process.on(signal, action);
    return () => process.off(signal, action);
  }
}
