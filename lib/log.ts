/** Where log lines go. A logger must never be able to hurt the process that logs. */

import { writeSync } from 'node:fs';
import type { ListenerAddress, Logger } from './types.js';

const STDERR = 2;

/**
 * The logger that the package uses inside: never throws, prefixes every line.
 * @param logger The user's; `undefined`: lines on stderr; `false`: silence.
 */
export function makeLog(logger: Logger | false | undefined, prefix: string): Logger {
  if (logger === false) return { info() {}, warn() {}, error() {} };
  const target = logger ?? stderrLogger;
  const line = (level: keyof Logger) => (message: string) => {
    try {
      target[level](`${prefix}: ${message}`);
    } catch {
      // The user's logger failed; there is nobody left to tell.
    }
  };
  return { info: line('info'), warn: line('warn'), error: line('error') };
}

/**
 * Synchronous and without a stream: process.stderr raises 'error' (EPIPE after its reader died, ENOSPC on a full disk),
 * which would end a master that nobody listens to any more.
 */
function write(message: string): void {
  writeSync(STDERR, `${message}\n`);
}

const stderrLogger: Logger = { info: write, warn: write, error: write };

/** `127.0.0.1:3000`, `[::1]:3000` or `unix:/run/app.sock`, as `listen` takes it. */
export function showAddress({ family, address, port }: ListenerAddress): string {
  if (family === 'unix') return `unix:${address}`;
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}
