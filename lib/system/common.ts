/** The part of a system that Node has on every operating system. */

import { native } from '../addon/addon.js';
import { permissionModel } from '../common/node-permission.js';
import type { Program } from '../common/program.js';
import { after } from '../common/timers.js';
import { runningProgram } from './running-program.js';
import type { System, Timer } from './system.js';

export abstract class CommonSystem
  implements Pick<System, 'pid' | 'features' | 'permission' | 'program' | 'now' | 'after' | 'onSignal'>
{
  readonly pid = process.pid;
  readonly features = native.features;
  readonly permission = permissionModel();
  readonly program: Program;

  constructor() {
    this.program = runningProgram();
  }

  now(): number {
    // Monotonic, as performance.now() is, which would load node:perf_hooks: 100 KB of heap.
    return process.uptime() * 1_000;
  }

  after(ms: number, action: () => void): Timer {
    return after(ms, action);
  }

  onSignal(signal: NodeJS.Signals, action: () => void): () => void {
    process.on(signal, action);
    return () => process.off(signal, action);
  }
}
