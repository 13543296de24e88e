/** Which operating system a worker runs on. Apart from the choice in `prefork.ts`, because a master does without all of this. */

import { posix, windows } from '../../addon/narrow.cjs';
import type { CommonAddon } from '../../addon/native.cjs';
import { posixSystem } from './posix.js';
import type { WorkerSystem } from './worker-system.js';

export async function workerSystem(native: CommonAddon): Promise<WorkerSystem> {
  if (process.platform !== 'win32') return posixSystem(posix(native));
  const { windowsSystem } = await import('./windows.js');
  return windowsSystem(windows(native));
}
