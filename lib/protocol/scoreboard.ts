/**
 * The line of a worker in the scoreboard: which number is where. The worker writes, the master reads, and neither waits for the other
 * (docs/decisions/scoreboard.md). Every number is a double of its own: none makes sense only together with another one.
 */

/** Its pid, once the worker counts. */
export const PID = 0;
/** Connections that it has accepted, and HTTP requests and streams that it has begun to serve, since it began. */
export const ACCEPTED = 1;
export const REQUESTS = 2;
/** Connections that are open, and requests that are being answered. */
export const CONNECTIONS = 3;
export const ACTIVE = 4;
/** Of its event loop, in milliseconds of the system's monotonic clock: when it last went to sleep, and when it will have turned again. */
export const TURNED = 5;
export const DUE = 6;

/** How many turns there were. */
export const TURNS = 7;
/** Milliseconds that an event waited on average, and the longest turn, in the last interval. */
export const DELAY_MEAN = 8;
export const DELAY_MAX = 9;
/** Bytes, bytes, and milliseconds of CPU time. */
export const HEAP = 10;
export const RSS = 11;
export const CPU = 12;

/** So many numbers a worker reports that shares no memory with the master. */
export const REPORTED = 13;

/** How many numbers a line has room for: four cache lines of 64 bytes. native/posix/scoreboard.h has the same. */
export const WORDS = 32;

/** Milliseconds of the monotonic clock of this machine, which is the same in every process. */
export function monotonic(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}
