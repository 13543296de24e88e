/** Lets a test do what an ordinary user can do, also when the tests run as root. */

import { readFileSync } from 'node:fs';
import { isRoot } from './skip.js';

const NOBODY = 65_534;

/**
 * Runs `step` without root's rights. seteuid(2) clears the effective capabilities, of every thread; the way back is
 * open because the saved user id stays 0.
 */
export async function unprivileged<T>(step: () => T | Promise<T>): Promise<T> {
  if (!isRoot) return await step();
  process.seteuid?.(NOBODY);
  try {
    return await step();
  } finally {
    process.seteuid?.(0);
  }
}

/** False where every user may bind every port, as in many containers. */
export const hasPrivilegedPorts = firstUnprivilegedPort() > 1;

function firstUnprivilegedPort(): number {
  try {
    return Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'));
  } catch {
    return 1024;
  }
}
