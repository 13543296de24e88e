/** Which operating system a worker runs on. Apart from the choice in `prefork.ts`, because a master does without all of this. */

import type { NativeBinding } from '../../addon/native.cjs';
import { posixSystem } from './posix.js';
import type { WorkerSystem } from './worker-system.js';

export async function workerSystem(native: NativeBinding): Promise<WorkerSystem> {
  if (process.platform !== 'win32') return posixSystem(native);
  const { windowsSystem } = await import('./windows.js');
  return windowsSystem(native);
}
