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
      ignoreRejection(target[level](`${prefix}: ${message}`) as unknown);
    } catch {
      // The user's logger failed; there is nobody left to tell.
    }
  };
  return { info: line('info'), warn: line('warn'), error: line('error') };
}

/** An async function fits the type of a logger as well, and its rejection would end the process. */
function ignoreRejection(returned: unknown): void {
  // A thenable that throws when it is looked at rejects.
  if (typeof returned === 'object' && returned !== null) Promise.resolve(returned).then(undefined, () => {});
}

/** What did not fit into a full pipe yet. */
let waiting = Buffer.alloc(0);
let retrying = false;
/** Bytes that may wait; a reader that is so far behind has stopped to read. */
const WAITING_LIMIT = 256 * 1024;
/** Milliseconds. */
const RETRY = 50;

/**
 * Synchronous and without a stream: process.stderr raises 'error' (EPIPE after its reader died, ENOSPC on a full disk),
 * which would end a master that nobody listens to any more.
 */
function write(message: string): void {
  const line = Buffer.from(`${message}\n`);
  if (waiting.length + line.length <= WAITING_LIMIT) waiting = Buffer.concat([waiting, line]);
  flush();
}

function flush(): void {
  try {
    while (waiting.length > 0) waiting = waiting.subarray(writeSync(STDERR, waiting));
  } catch (error) {
    // Full, and made non-blocking by whoever shares it: the reader is slow, not gone.
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') waiting = Buffer.alloc(0);
    else retryLater();
  }
}

function retryLater(): void {
  if (retrying) return;
  retrying = true;
  setTimeout(() => {
    retrying = false;
    flush();
  }, RETRY).unref();
}

const stderrLogger: Logger = { info: write, warn: write, error: write };

/** `127.0.0.1:3000`, `[::1]:3000` or `unix:/run/app.sock`, as `listen` takes it. */
export function showAddress({ family, address, port }: ListenerAddress): string {
  if (family === 'unix') return `unix:${address}`;
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}
