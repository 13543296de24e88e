/** What was started before the master was loaded, as the master sees it: early-worker.cts and ahead.ts have made it. Types only. */

import type { Fd, NativeChild, NativeExit } from '../../addon/native.cjs';
import type { ListenPlan } from '../../options/settings.js';
import type { WorkerCommand } from '../launch/command.js';
import type { OpenListener } from '../open-listener.js';

/** How the master would start a worker. */
export type WantedProcess = Pick<WorkerCommand, 'file' | 'args' | 'environment' | 'stdio' | 'cwd'>;

export interface HeadStart {
  /** Once: the open listeners of these plans, which are the caller's from then on; `undefined` where none are open. */
  listeners?(plans: readonly ListenPlan[]): OpenListener[] | undefined;
  /** Once: both ends of the control channel that the process has, the master's first. They are the caller's from then on. */
  control?(): [Fd, Fd] | undefined;
  /**
   * Hands the process over, when it is what the master would start, and nothing has taken it yet. Otherwise it is ended.
   * @param onExit Called when it has ended and is reaped.
   */
  claim(wanted: WantedProcess, onExit: (exit: NativeExit) => void): NativeChild | undefined;
  /** Ends what has not been taken. Settles when the process is reaped; `undefined`: there is none to wait for. */
  end(): Promise<void> | undefined;
}
