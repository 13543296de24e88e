/**
 * Descriptors 1 and 2, as the package writes to them: in whole lines, and never waiting for a reader. Other processes share their
 * descriptions, so that no mode can be relied on: Node workers set O_NONBLOCK on a pipe, and put it back when they end
 * (docs/decisions/output-that-cannot-block.md).
 */

import { native } from '../addon/addon.js';
import { isPosix } from '../addon/narrow.cjs';
import { type Dress, dressFor } from './on-terminal.js';

/** Returns how many of the bytes were taken at once. Throws when the reader is gone. */
export type Write = (fd: number, bytes: Uint8Array) => number;

/** Bytes of log lines that may wait; a reader that is so far behind has stopped reading. */
const LOG_LIMIT = 256 * 1024;
/** While so many bytes wait, workers' output is not read any further. */
const ENOUGH = 64 * 1024;
/**
 * A reader that needs more milliseconds than this for {@link ENOUGH} bytes is too slow: what is passed on is dropped until it has taken all
 * that waits, because workers would wait with it.
 */
const PATIENCE = 1_000;
/** For so many milliseconds afterwards it gets no patience. */
const MEMORY = 10_000;
/**
 * Milliseconds between attempts: the first, and the longest. The kernel could notify, but only of a descriptor in the event loop, and
 * libuv would set the mode of the description that others share.
 */
const RETRY = { first: 2, longest: 250 } as const;
/** When the process has nothing else to do, the reader has so many milliseconds to take what waits. */
const LINGER = 500;
const NEWLINE = 10;

/** A worker whose output is passed on. */
export interface Source {
  /** Nothing more for now; what comes all the same is taken. */
  pause(): void;
  resume(): void;
  /** So many lines of it were dropped, since the last time. Called when the reader takes again, or at the end of the process. */
  dropped(lines: number): void;
}

type Level = Parameters<Dress>[0];
/** Makes a line of the log of a text. */
type Form = (text: string) => string;

interface Piece {
  bytes: Buffer;
  /** When it began to wait. */
  readonly since: number;
  readonly from: Source | undefined;
}

export class Outlet {
  readonly #fd: number;
  readonly #write: Write;
  readonly #dressFor: (fd: number) => Dress;
  #dress: Dress | undefined;
  /** Of the last line of the log. */
  #form: Form | undefined;
  readonly #sources = new Set<Source>();
  readonly #dropped = new Map<Source, number>();
  readonly #waiting: Piece[] = [];
  #size = 0;
  /** Whose last line has no end yet; `this`: none goes on with it. */
  #unfinished: Source | this | undefined;
  #lost = 0;
  /** Of {@link #lost}, what the line that waits last says. */
  #announced = 0;
  #timer: NodeJS.Timeout | undefined;
  #pause: number = RETRY.first;
  #full = false;
  #tooSlow = false;
  /** Until when the reader is known as one that was too slow. */
  #knownUntil = 0;
  #watchesEnd = false;
  #endedAt: number | undefined;

  /** @param dress How lines of the log look on a descriptor. */
  constructor(fd: number, write: Write, dress = dressFor) {
    this.#fd = fd;
    this.#write = write;
    this.#dressFor = dress;
  }

  /**
   * A line of the package's own.
   * @param style The level of a line of the log, which a terminal shows; or in which form a later line reports a gap, and this one is written
   * as it is. Default: as it is.
   */
  log(line: string, style?: Level | Form): void {
    const level = typeof style === 'string' ? style : undefined;
    if (style !== undefined) this.#form = typeof style === 'string' ? undefined : style;
    const bytes = Buffer.from(`${level === undefined ? line : this.#dressed(level, line)}\n`);
    // A gap in the log is one gap: nothing is taken before the end of it was logged.
    if (this.#lost > 0) this.#flush();
    if (this.#lost > 0 || this.#size + bytes.length > LOG_LIMIT) this.#lost += 1;
    else this.#put(bytes, undefined);
  }

  /** To be called before the first {@link pass}, and {@link leave} after the last. */
  join(source: Source): void {
    this.#sources.add(source);
    if (this.#full) source.pause();
  }

  leave(source: Source): void {
    this.#sources.delete(source);
  }

  /** Whole lines, or a piece of a line that is too long to wait for its end. */
  pass(source: Source, bytes: Buffer): void {
    if (this.#tooSlow) {
      this.#countLost(source, bytes);
      return;
    }
    this.#put(bytes, source);
    if (this.#size < ENOUGH || this.#full) return;
    this.#tooSlow = now() < this.#knownUntil;
    if (this.#tooSlow) return;
    this.#full = true;
    for (const one of this.#sources) one.pause();
  }

  #put(bytes: Buffer, from: Source | undefined): void {
    if (bytes.length === 0) return;
    const cut = this.#unfinished !== undefined && this.#unfinished !== from;
    const whole = cut ? Buffer.concat([Buffer.of(NEWLINE), bytes]) : bytes;
    this.#unfinished = bytes.at(-1) === NEWLINE ? undefined : (from ?? this);
    this.#waiting.push({ bytes: whole, from, since: now() });
    this.#size += whole.length;
    if (this.#timer === undefined) this.#flush();
  }

  #countLost(source: Source, bytes: Buffer): void {
    // The rest of a line whose beginning was passed on.
    if (this.#unfinished === source) this.#unfinished = this;
    this.#dropped.set(source, (this.#dropped.get(source) ?? 0) + lines(bytes));
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    try {
      do {
        if (!this.#writeWaiting()) {
          this.#later();
          return;
        }
        this.#lost -= this.#announced;
        this.#announced = 0;
        if (this.#lost > 0) this.#announce();
      } while (this.#waiting.length > 0);
    } catch {
      // EPIPE, EIO: the reader is gone. ENOSPC: the disk is full, for now. Neither is a reason to lose a worker, or the master.
      this.#lost += this.#waiting.filter(({ from }) => from === undefined).length - Math.sign(this.#announced);
      this.#announced = 0;
      this.#waiting.length = 0;
      this.#size = 0;
      this.#unfinished = undefined;
    }
    this.#drained();
  }

  /** False: the descriptor is full. */
  #writeWaiting(): boolean {
    for (let piece = this.#waiting[0]; piece !== undefined; piece = this.#waiting[0]) {
      const taken = this.#write(this.#fd, piece.bytes);
      if (taken === 0) return false;
      this.#pause = RETRY.first;
      this.#size -= taken;
      if (taken === piece.bytes.length) this.#waiting.shift();
      else piece.bytes = piece.bytes.subarray(taken);
    }
    return true;
  }

  /** Not before there is a line: most workers log none. */
  readonly #dressed: Dress = (level, line) => {
    this.#dress ??= this.#dressFor(this.#fd);
    return this.#dress(level, line);
  };

  #announce(): void {
    this.#announced = this.#lost;
    const what = `${this.#lost} log ${this.#lost === 1 ? 'line' : 'lines'}`;
    const text = `process ${process.pid} dropped ${what}, because descriptor ${this.#fd} took none`;
    const bytes = Buffer.from(`${this.#form?.(text) ?? this.#dressed('warn', `prefork: ${text}`)}\n`);
    this.#waiting.push({ bytes, from: undefined, since: now() });
    this.#size += bytes.length;
  }

  #later(): void {
    if (this.#full && now() - (this.#waiting[0]?.since ?? now()) >= PATIENCE) {
      this.#tooSlow = true;
      this.#resume();
    }
    this.#watchEnd();
    this.#timer = setTimeout(() => this.#flush(), this.#pause).unref();
    this.#pause = Math.min(2 * this.#pause, RETRY.longest);
  }

  #drained(): void {
    this.#endedAt = undefined;
    if (this.#tooSlow) this.#knownUntil = now() + MEMORY;
    this.#tooSlow = false;
    this.#resume();
    this.#report();
  }

  #resume(): void {
    if (!this.#full) return;
    this.#full = false;
    for (const source of this.#sources) source.resume();
  }

  #report(): void {
    const dropped = [...this.#dropped];
    this.#dropped.clear();
    for (const [source, count] of dropped) source.dropped(count);
  }

  /** What waits must neither be lost to the end of the event loop nor hold it up. */
  #watchEnd(): void {
    if (this.#watchesEnd) return;
    this.#watchesEnd = true;
    process.on('beforeExit', () => {
      this.#endedAt ??= now();
      if (now() - this.#endedAt < LINGER) this.#timer?.ref();
    });
    process.on('exit', () => {
      if (this.#waiting.length > 0) this.#flush();
      for (const { bytes, from } of this.#waiting) if (from !== undefined) this.#countLost(from, bytes);
      this.#report();
    });
  }
}

function now(): number {
  return process.uptime() * 1_000;
}

function lines(bytes: Buffer): number {
  let count = bytes.at(-1) === NEWLINE ? 0 : 1;
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) count += 1;
  return count;
}

const guarded = new Set<NodeJS.WriteStream>();

/** Windows, whose pipes and consoles Node's streams write to synchronously; they know the encoding of a console. */
function writeStream(fd: number, bytes: Uint8Array): number {
  const stream = fd === 2 ? process.stderr : process.stdout;
  if (!guarded.has(stream)) guarded.add(stream.on('error', () => {}));
  if (stream.writableLength > LOG_LIMIT) return 0;
  stream.write(bytes);
  return bytes.length;
}

const outlets = new Map<number, Outlet>();

/** One for each descriptor, for everything that the package writes there: two could cut each other's lines. */
export function outlet(fd: 1 | 2): Outlet {
  const known = outlets.get(fd);
  if (known !== undefined) return known;
  const made = new Outlet(fd, isPosix(native) ? native.writeNow : writeStream);
  outlets.set(fd, made);
  return made;
}
