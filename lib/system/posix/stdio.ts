/** Descriptors 0-2 of a native worker: what 'ignore', 'inherit', 'pipe' and numbers mean, and who closes what. */

import type { Socket } from 'node:net';
import type { PosixAddon } from '../../addon/native.cjs';
import { streamOf } from '../../protocol/stream-of.js';
import type { Command } from '../../types.js';

export interface WorkerStdio {
  /** The master's descriptor for each of the worker's. */
  readonly fds: readonly number[];
  /** The master's ends of the pipes that the worker writes to. */
  readonly outputs: readonly PipedOutput[];
  /** After the spawn, failed or not: the worker has its copies, the master's are closed. */
  release(): void;
  /** After a failed spawn: no process will ever write to the outputs. */
  abandon(): void;
}

export interface PipedOutput {
  readonly target: 1 | 2;
  /** Ends when every writer has gone; `destroy` it to stop listening earlier. */
  readonly stream: Socket;
}

export function openWorkerStdio(native: PosixAddon, entries: Command['stdio']): WorkerStdio {
  const fds: number[] = [];
  const toClose: number[] = [];
  const outputs: PipedOutput[] = [];
  let nothing: number | undefined;
  const devNull = (): number => {
    if (nothing === undefined) {
      nothing = native.openNull();
      toClose.push(nothing);
    }
    return nothing;
  };
  const release = () => {
    for (const fd of toClose.splice(0)) native.closeFd(fd);
  };
  const abandon = () => {
    for (const { stream } of outputs) stream.destroy();
  };
  try {
    entries.forEach((entry, target) => {
      if (typeof entry === 'number') fds.push(entry);
      else if (entry === 'inherit') fds.push(target);
      // Nothing writes to a worker's stdin: a pipe without a writer and /dev/null are the same end-of-file.
      else if (entry === 'ignore' || target === 0) fds.push(devNull());
      else {
        const [read, write] = native.pipe();
        toClose.push(write);
        fds.push(write);
        outputs.push({ target: target as 1 | 2, stream: streamOf(read, { readable: true, writable: false }) });
      }
    });
  } catch (error) {
    release();
    abandon();
    throw error;
  }
  return { fds, outputs, release, abandon };
}
