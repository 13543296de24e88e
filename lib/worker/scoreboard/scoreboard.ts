/**
 * In a worker: what it counts, in the line of memory that the master reads. A connection or a request costs a few plain stores; once a second,
 * or every ten while nothing happens, the worker writes what only it knows of its memory. The worker that serves makes one.
 */

import type { BoardPlace } from '../../addon/native.cjs';
import type { WorkerIdentity } from '../../boot/identity.cjs';
import { reasonOf } from '../../common/in-words.cjs';
import type { Log } from '../../common/log.js';
import { memoryUsage } from '../../common/memory.js';
import type { WorkerMessage } from '../../protocol/protocol.cjs';
import {
  ACCEPTED,
  ACTIVE,
  CONNECTIONS,
  CPU,
  DELAY_MAX,
  DUE,
  HEAP,
  monotonic,
  PID,
  REPORTED,
  REQUESTS,
  RSS,
  TURNED,
  TURNS,
  WORDS,
} from '../../protocol/scoreboard.js';

/** Milliseconds between two beats, and while the worker is idle. */
const BEAT_MS = 1_000;
const IDLE_BEAT_MS = 10_000;
/** The loop of an idle worker turns for a beat, and perhaps for a timer of Node. */
const IDLE_TURNS = 2;

export interface ScoreboardContext {
  readonly place: NonNullable<WorkerIdentity['scoreboard']>;
  readonly log: Pick<Log, 'warn'>;
  /** The line that the master reads. Absent where the system cannot share memory. */
  readonly open?: ((place: BoardPlace) => ArrayBuffer) | undefined;
  /** Writes the words of the event loop from now on; false: it cannot. */
  readonly timeTurns?: ((line: Float64Array) => boolean) | undefined;
  send(message: WorkerMessage): void;
}

export class Scoreboard {
  readonly #words: Float64Array;
  readonly #context: ScoreboardContext;
  /** The master reads the line by itself. */
  readonly #shared: boolean;
  readonly #timed: boolean;
  #timer: NodeJS.Timeout | undefined;
  #idle = false;
  /** As of the last beat. */
  #seen = 0;

  constructor(context: ScoreboardContext) {
    this.#context = context;
    const line = openLine(context);
    this.#shared = line !== undefined;
    this.#words = new Float64Array(line ?? new SharedArrayBuffer(WORDS * 8));
    this.#timed = context.timeTurns?.(this.#words) ?? false;
    this.#set(PID, process.pid);
    this.#sample();
    this.#plan();
  }

  /** A connection of a tracked server came or went. */
  connection(change: 1 | -1): void {
    const words = this.#words;
    words[CONNECTIONS] = (words[CONNECTIONS] as number) + change;
    if (change < 0) return;
    words[ACCEPTED] = (words[ACCEPTED] as number) + 1;
    if (this.#idle) this.#awake();
  }

  /** HTTP requests have begun to be served, or so many are over. */
  requests(change: number): void {
    const words = this.#words;
    words[ACTIVE] = (words[ACTIVE] as number) + change;
    if (change < 0) return;
    words[REQUESTS] = (words[REQUESTS] as number) + change;
    if (this.#idle) this.#awake();
  }

  /** The worker is about to end, or to do nothing any more. */
  over(): void {
    clearTimeout(this.#timer);
    this.#report();
  }

  #set(word: number, value: number): void {
    this.#words[word] = value;
  }

  readonly #beat = (): void => {
    if (!this.#timed) this.#timeBeat();
    this.#sample();
    const seen = this.#timed ? (this.#words[TURNS] as number) : this.#events;
    this.#idle = seen - this.#seen <= (this.#timed ? IDLE_TURNS : 0);
    this.#seen = seen;
    this.#plan();
    // With the time of the next beat: by the one that is over the worker would be late already.
    this.#report();
  };

  get #events(): number {
    return (this.#words[ACCEPTED] as number) + (this.#words[REQUESTS] as number);
  }

  /** Without a hook into the event loop all that is known is how late this beat is. */
  #timeBeat(): void {
    const now = monotonic();
    this.#set(DELAY_MAX, Math.max(0, now - (this.#words[DUE] as number)));
    this.#set(TURNED, now);
  }

  #sample(): void {
    const memory = memoryUsage();
    const { user, system } = process.cpuUsage();
    if (memory !== undefined) {
      this.#set(HEAP, memory.heapUsed);
      this.#set(RSS, memory.rss);
    }
    this.#set(CPU, (user + system) / 1e3);
  }

  /** What happens now may block the event loop: before that the line has to say when it will be late. */
  #awake(): void {
    this.#idle = false;
    clearTimeout(this.#timer);
    this.#plan();
  }

  #plan(): void {
    const wait = this.#idle ? IDLE_BEAT_MS : BEAT_MS;
    this.#set(DUE, monotonic() + wait);
    this.#timer = setTimeout(this.#beat, wait).unref();
  }

  #report(): void {
    if (!this.#shared) this.#context.send({ type: 'counted', words: [...this.#words.subarray(0, REPORTED)] });
  }
}

/** `undefined`: the master gave none, or something else is behind the number. */
function openLine({ place: { fd, row }, open, log }: ScoreboardContext): ArrayBuffer | undefined {
  if (fd === undefined || open === undefined) return undefined;
  try {
    return open({ fd, row });
  } catch (error) {
    log.warn(
      `reports what it counts once a second, because it cannot share memory with the master: ${reasonOf(error)}`,
      {
        event: 'warning',
        error,
      },
    );
    return undefined;
  }
}
