/** Where log lines go. A logger must never be able to hurt the process that logs. */

import type { ListenerAddress, Logger } from '../types.js';
import { outlet } from './outlet.js';

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
      ignoreRejection(target[level](`${prefix}: ${message}`) as unknown);
    } catch {
      // The user's logger failed, so the package has nowhere to report it.
    }
  };
  return { info: line('info'), warn: line('warn'), error: line('error') };
}

/** An async function fits the type of a logger as well, and its rejection would end the process. */
function ignoreRejection(returned: unknown): void {
  // A thenable that throws when it is looked at rejects.
  if (typeof returned === 'object' && returned !== null) Promise.resolve(returned).then(undefined, () => {});
}

/**
 * Without a stream: process.stderr raises 'error' (EPIPE after its reader died, ENOSPC on a full disk), which would end a master that
 * no reader listens to any more.
 */
const write = (message: string): void => outlet(STDERR).log(message);

const stderrLogger: Logger = { info: write, warn: write, error: write };

/** `127.0.0.1:3000`, `[::1]:3000` or `unix:/run/app.sock`, as `listen` takes it. */
export function showAddress({ family, address, port }: ListenerAddress): string {
  if (family === 'unix') return `unix:${address}`;
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}
