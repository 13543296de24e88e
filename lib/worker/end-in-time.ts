/** The last moments of a worker that has nothing left to do. */

/**
 * Ends the process as process.exit() does, when Node would end it and after the program's own 'exit' handlers. By itself Node takes its
 * signal handlers away first, and the rest of it, the heap above all, may need a hundred milliseconds: a signal to the whole process group in
 * that time would make a worker that did everything right look killed.
 *     kernel: SIGTERM → group      worker: drained, handlers closed | kernel: SIGINT → group, default action | exit
 */
export function endInTime(): void {
  process.once('beforeExit', () => process.on('exit', () => process.exit()));
}
