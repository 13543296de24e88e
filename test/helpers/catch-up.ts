/** Two outputs of one process, in one order. */

import { readSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { descriptorOf } from '../../lib/worker/system/kernel-activity.js';

const CHUNK = 65_536;

/**
 * Has a stream emit at once what its pipe holds. A process writes to stderr and then to stdout, and Node may read stdout first, in the same
 * turn: a test that goes on with that does not see yet what was written before.
 */
export function catchUp(stream: Readable | null): void {
  if (stream === null) return;
  const fd = descriptorOf(stream);
  if (fd === undefined) return;
  for (let bytes = readNow(fd); bytes.length > 0; bytes = readNow(fd)) stream.push(bytes);
}

/** Nothing at the end of the output, which Node finds by itself. */
function readNow(fd: number): Buffer {
  const bytes = Buffer.allocUnsafe(CHUNK);
  try {
    return bytes.subarray(0, readSync(fd, bytes));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return bytes.subarray(0, 0);
    throw error;
  }
}
