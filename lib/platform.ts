/** Which operating system a master runs on: asked here, and in `worker-platform.ts` and `preload.cts` for workers. */

import type { Host } from './host.js';
import { PosixHost } from './host-posix.js';
import { WindowsHost } from './host-windows.js';

export function makeHost(): Host {
  return process.platform === 'win32' ? new WindowsHost() : new PosixHost();
}
