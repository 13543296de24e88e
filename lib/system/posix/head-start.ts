/** A process that was spawned before the master was loaded, as the master sees it: command/head-start.ts has made it. Types only. */

import type { NativeChild, NativeExit } from '../../addon/native.cjs';
import type { WorkerCommand } from '../launch/command.js';

/** How the master would start a worker. */
export type WantedProcess = Pick<WorkerCommand, 'file' | 'args' | 'environment' | 'stdio' | 'cwd'>;

export interface HeadStart {
  /**
   * Hands the process over, when it is what the master would start, and nothing has taken it yet. Otherwise it is ended.
   * @param onExit Called when it has ended and is reaped.
   */
  claim(wanted: WantedProcess, onExit: (exit: NativeExit) => void): NativeChild | undefined;
  /** Ends the process, unless it has been taken. */
  end(): void;
}
