// What workers have written about their connections: test/fixtures/tally.mjs, in the folder that PREFORK_TALLY names.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Connections that a worker had accepted, and that had not ended when it did. */
export function openAt(folder, pid) {
  const bytes = tallyOf(folder, pid);
  return bytes.length < 8 ? 0 : bytes.readUInt32LE(0) - bytes.readUInt32LE(4);
}

/** The clients' ports of these connections. */
export function portsAt(folder, pid) {
  const bytes = tallyOf(folder, pid);
  const ports = new Set();
  for (let at = 8; at + 2 <= bytes.length; at += 2) {
    const port = bytes.readUInt16LE(at);
    if (port !== 0) ports.add(port);
  }
  return ports;
}

/** The worker has ended, and another process may get its pid, which has accepted nothing yet. */
export function forget(folder, pid) {
  rmSync(join(folder, String(pid)), { force: true });
}

function tallyOf(folder, pid) {
  const file = join(folder, String(pid));
  return existsSync(file) ? readFileSync(file) : Buffer.alloc(0); // it never served
}
