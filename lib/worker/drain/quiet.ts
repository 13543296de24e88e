/**
 * Ends connections that a drain has no more use for, without losing a request that is on its way.
 *
 * "Idle" is what JavaScript knows, and the kernel may know better: it has received a request that no turn of the event loop has read
 * yet. So the kernel is asked again right before each close, and closing takes turns with reading:
 *
 *     client: sends a request ──────┐
 *     worker: which are idle?  close, close, close … close        (80 µs each: of 1,000 connections the last one is closed 80 ms later)
 *                                   └ is in the receive buffer: not closed, read in the next turn, answered with `Connection: close`
 */

import type { Socket } from 'node:net';

/** What the kernel knows of a connection. */
export interface Activity {
  /** Bytes that have arrived and were not read; 0 also where that cannot be asked. */
  waiting(socket: object): number;
  /** Ends a connection unless bytes have arrived that were not read; returns whether it is to be closed. In one step, where that is possible. */
  endIfSilent?(socket: object): boolean;
  /** Milliseconds since bytes were last sent or received; `undefined` where the kernel does not report it. */
  quietFor(socket: object): number | undefined;
}

export const NO_ACTIVITY: Activity = { waiting: () => 0, quietFor: () => undefined };

/** A connection that waits for nothing but its client's next request. */
export interface Idle {
  readonly socket: Pick<Socket, 'bytesRead'>;
  /** Ended by closing it: the protocol has no words for the end. */
  readonly wordless?: true;
  gone(): boolean;
  end(): void;
}

/** A connection that nothing is lost with when it is destroyed. */
export function idleSocket(socket: Socket): Idle {
  return { socket, wordless: true, gone: () => socket.destroyed, end: () => void socket.destroy() };
}

/** How long a connection must have been quiet before a stop ends it, at the most. Milliseconds. */
export const QUIET = 250;

/**
 * What a worker has had no traffic for so long has, on none of its connections, is not in use. Milliseconds.
 *
 * A proxy takes the connection that it used last. Of a fleet that stops, each answer takes one away from it (`Connection: close`), so it
 * comes to those that it has not used for long, and within a moment has used them all:
 *
 *     proxy:   1 2 3 4 5 … used in turn; 30, 31, 32 idle for a minute
 *     stop:    1 ✕  2 ✕  3 ✕ …                 … 30 ← request: as likely as on any other
 *     worker:  30 has been quiet for a minute: close ┘ lost
 *
 * So being quiet counts from the beginning of the stop, unless the whole worker has been calm.
 */
const CALM = 5_000;

/** So many connections are ended in one turn of the event loop: about half a millisecond. */
const SLICE = 8;
/**
 * Between two slices, in milliseconds, or more where there is time: clients hear of their ends while they come. One that is busy with a
 * thousand of them at once sends on a connection of whose end it has not heard.
 */
const PAUSE = 1;
/** What a slice and its pause take at the least on a busy machine. Milliseconds. */
const SLICE_TIME = 3;
/** Looking for idle connections may take this share of the time at most, however many become idle one by one. */
const LOOK_SHARE = 0.1;
/** When to look again at a connection that has just received something. Milliseconds. */
const READ_TIME = 10;

export interface QuietContext {
  readonly activity: Activity;
  /** Every connection that is idle now. */
  idle(): Idle[];
  /** How many connections there are. */
  connections(): number;
}

/** An idle connection, and how much of it had been read when it was found idle. */
interface Candidate extends Idle {
  readonly bytes: number;
}

export class Quiet {
  readonly #context: QuietContext;
  /** Where the kernel does not report it: since when nothing more was read of a connection. */
  readonly #since = new WeakMap<object, { readonly bytes: number; readonly at: number }>();
  #timer: NodeJS.Timeout | undefined;
  #dueAt = Infinity;
  #notBefore = 0;
  #sweeping = false;
  /** Asked for while one was under way: milliseconds after its end. */
  #asked = Infinity;
  #needed = 0;
  /** From when on being quiet counts; found out with the first look. */
  #countsFrom: number | undefined;
  #ended = 0;
  #hurry: { readonly until: number; readonly done: (ended: number) => void } | undefined;

  constructor(context: QuietContext) {
    this.#context = context;
  }

  /** From now on connections are ended that have been idle and quiet for `needed` ms, since this call if the worker is in use. */
  begin(needed: number): void {
    this.#needed = needed;
    this.#countsFrom = undefined;
    this.#plan(0);
  }

  /** Something may have become idle. */
  again(): void {
    this.#plan(this.#needed);
  }

  /**
   * Ends everything that is idle, however short a time, and calls `done` `within` ms at the latest, with how many
   * connections were ended since the last time. What the kernel has received
   * meanwhile is left, and ended once it is idle again.
   */
  endAll(within: number, done: (ended: number) => void): void {
    this.#needed = 0;
    if (this.#hurry === undefined) this.#ended = 0;
    this.#hurry = { until: performance.now() + within, done };
    this.#notBefore = 0;
    this.#plan(0);
  }

  #plan(wait: number): void {
    const now = performance.now();
    const at = Math.max(now + wait, this.#notBefore);
    if (this.#sweeping) this.#asked = Math.min(this.#asked, wait);
    if (this.#sweeping || at >= this.#dueAt) return;
    this.#dueAt = at;
    clearTimeout(this.#timer);
    const look = (): void => afterPendingReads(() => this.#sweep());
    if (at <= now) look();
    // The connections keep the process alive; without any there is nothing to look at.
    else this.#timer = setTimeout(look, at - now).unref();
  }

  #sweep(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#dueAt = Infinity;
    clearTimeout(this.#timer);
    const before = performance.now();
    const idle = this.#context.idle().map((found) => ({ ...found, bytes: found.socket.bytesRead }));
    const now = performance.now();
    if (this.#needed > 0) this.#countsFrom ??= this.#isCalm(idle) ? Number.NEGATIVE_INFINITY : before;
    this.#notBefore = now + (now - before) / LOOK_SHARE;
    this.#endNext(idle, Infinity);
  }

  /** @param soonest Milliseconds until it makes sense to look again, as far as is known. */
  #endNext(left: Candidate[], soonest: number): void {
    let ended = 0;
    const { size, pause } = this.#slice(left.length);
    for (let candidate = left.pop(); candidate !== undefined; candidate = left.pop()) {
      const wait = this.#judge(candidate);
      if (wait > 0) {
        soonest = Math.min(soonest, wait);
        continue;
      }
      candidate.end();
      this.#ended++;
      if (++ended < size || left.length === 0) continue;
      setTimeout(() => afterPendingReads(() => this.#endNext(left, soonest)), pause).unref();
      return;
    }
    this.#over(Math.min(soonest, this.#asked));
  }

  #over(soonest: number): void {
    this.#sweeping = false;
    this.#asked = Infinity;
    const again = soonest < Infinity;
    const hurry = this.#hurry;
    if (hurry === undefined) {
      if (again) this.#plan(soonest);
    } else if (again && performance.now() < hurry.until) {
      this.#plan(Math.min(soonest, READ_TIME));
    } else {
      this.#hurry = undefined;
      hurry.done(this.#ended);
      this.#ended = 0;
    }
  }

  #slice(left: number): { readonly size: number; readonly pause: number } {
    if (this.#hurry === undefined) return { size: SLICE, pause: PAUSE };
    const time = Math.max(0, this.#hurry.until - performance.now());
    const slices = Math.max(1, time / SLICE_TIME);
    const size = Math.max(SLICE, Math.ceil(left / slices));
    return { size, pause: Math.max(PAUSE, (time * size) / left - SLICE_TIME) };
  }

  /** Milliseconds until the connection may be ended, as far as is known; 0: it is to be ended now; `Infinity`: it has ended by itself. */
  #judge({ socket, bytes, wordless, gone }: Candidate): number {
    if (gone()) return Infinity;
    const needed = this.#needed;
    if (socket.bytesRead !== bytes) return Math.max(needed, READ_TIME);
    if (needed > 0) {
      const counted = performance.now() - (this.#countsFrom as number);
      const quiet = Math.min(counted, this.#context.activity.quietFor(socket) ?? this.#seenFor(socket, bytes));
      if (quiet < needed) return Math.max(1, needed - quiet);
    }
    // Last: between this and the end there must be nothing.
    const { activity } = this.#context;
    const silent = wordless ? activity.endIfSilent?.(socket) : undefined;
    return (silent ?? activity.waiting(socket) === 0) ? 0 : READ_TIME;
  }

  #isCalm(idle: readonly Idle[]): boolean {
    const { activity, connections } = this.#context;
    return connections() === idle.length && idle.every(({ socket }) => (activity.quietFor(socket) ?? 0) >= CALM);
  }

  #seenFor(socket: object, bytes: number): number {
    const now = performance.now();
    const before = this.#since.get(socket);
    if (before?.bytes === bytes) return now - before.at;
    this.#since.set(socket, { bytes, at: now });
    return 0;
  }
}

/**
 * Runs `next` when everything that the kernel held at the time of the call has been read: a callback inside the poll phase is
 * followed by the check phase of the *same* turn, and only the poll phase after that has asked the kernel again.
 */
export function afterPendingReads(next: () => void): void {
  setImmediate(() => setImmediate(next));
}
