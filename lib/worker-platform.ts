/** Which operating system a worker runs on. Apart from `platform.ts`, because a master does without all of this. */

import type { NativeBinding } from './native.cjs';
import { posixSystem } from './worker-posix.js';
import type { WorkerSystem } from './worker-system.js';

export async function workerSystem(native: NativeBinding): Promise<WorkerSystem> {
  if (process.platform !== 'win32') return posixSystem(native);
  const { windowsSystem } = await import('./worker-windows.js');
  return windowsSystem(native);
}
