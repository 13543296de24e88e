/** process.stdout and process.stderr of a worker whose reader may go away (`node app.mjs | head -1`, a terminal that is closed), or whose disk is full. */

import type { PosixAddon } from '../addon/native.cjs';

/**
 * EPIPE: nothing reads the pipe any more. EIO: the terminal has hung up. The others: the disk of a log file, or what this user may have of it, is
 * full; Node tries again with the next line.
 */
const CANNOT_BE_WRITTEN: ReadonlySet<unknown> = new Set(['EPIPE', 'EIO', 'ENOSPC', 'EDQUOT', 'EFBIG']);

/**
 * Without it every line that a worker prints would end it by an unhandled 'error', its successor would print the next one, and soon the
 * fleet has ended more workers than it may. Handlers of the program hear of the error, too.
 */
export function guardOutput(): void {
  for (const name of ['stdout', 'stderr'] as const) {
    whenMade(name, (stream) =>
      stream.on('error', (error: NodeJS.ErrnoException) => {
        // As without this handler.
        if (!CANNOT_BE_WRITTEN.has(error.code) && stream.listenerCount('error') === 1) throw error;
      }),
    );
  }
}

/**
 * Calls `use` with the stream once it is there, which is when the program asks for it: making one takes two milliseconds of a boot, and memory.
 * @returns False where the program has put a stream of its own there.
 */
export function whenMade(name: 'stdout' | 'stderr', use: (stream: NodeJS.WriteStream) => void): boolean {
  const property = Object.getOwnPropertyDescriptor(process, name);
  const get = property?.get;
  if (get === undefined || property?.configurable !== true) return false;
  let used: NodeJS.WriteStream | undefined;
  Object.defineProperty(process, name, {
    ...property,
    get(this: NodeJS.Process): NodeJS.WriteStream {
      const stream = Reflect.apply(get, this, []) as NodeJS.WriteStream;
      if (stream !== used) {
        used = stream;
        use(stream);
      }
      return stream;
    },
  });
  return true;
}

/**
 * Node prints the error that ends a process synchronously. A pipe without a reader would keep a worker that has crashed, with its share of the
 * connections, and a master whose supervisor waits for its end.
 */
export function endWithoutReader(native: Pick<PosixAddon, 'replaceFullStderr'>): void {
  process.on('uncaughtExceptionMonitor', () => {
    // Otherwise the program decides what is printed, and whether this is the end.
    if (process.listenerCount('uncaughtException') > 0 || process.hasUncaughtExceptionCaptureCallback()) return;
    native.replaceFullStderr();
  });
}
