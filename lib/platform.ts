/** Which operating system a master runs on: asked here, and in `worker-platform.ts` for workers. */

import type { Host } from './host.js';
import { PosixHost } from './host-posix.js';

export function makeHost(): Host {
  return new PosixHost();
}
