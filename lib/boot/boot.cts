/**
 * What has to be in place in a worker before it serves: the watch on the master, and the report of what ends the worker.
 * Set up by the preload, or by `prefork()` itself when no preload ran. CommonJS and light: it is on the way of every boot.
 */

// By name: a namespace import would copy every property of fs, and with it load fs.promises.
import { writeSync } from 'node:fs';
import type { MasterWatch } from '../addon/native.cjs';
import { guardOutput, whenMade } from '../common/guard-output.cjs';
import { attempt, inWords, isError } from '../common/in-words.cjs';
import type { BootError, WorkerMessage } from '../protocol/protocol.cjs';
import { encode } from '../protocol/protocol.cjs';
import type { Preloaded, WorkerIdentity } from './identity.cjs';

/** How much stderr a booting worker reports, in characters. The last lines before a crash fit; a chatty boot costs no more. */
const STDERR_LIMIT = 64 * 1024;
/** Characters in one report: encoded it stays far below what the kernel takes in one piece, so that it is written whole or not at all. */
const STDERR_PIECE = 2 * 1024;

/** Characters of the end of stderr that a worker which is ready keeps for its last report. */
const STDERR_END = 8 * 1024;

/** What a booting worker needs of its operating system. */
export interface BootSystem {
  /** Where reports to the master are written; `undefined` when it gave no channel, or something else is behind the number. */
  reportFd(identity: WorkerIdentity): number | undefined;
  /** Keeps what was inherited from the worker's own children, and begins to watch the master. May throw: the addon may be missing. */
  arm(identity: WorkerIdentity, onMasterDeath: () => void): MasterWatch;
}

/** What JSON carries of anything that was thrown. */
export function bootError(thrown: unknown): BootError {
  if (!isError(thrown)) return { name: 'Error', message: `Thrown: ${inWords(thrown)}` };
  const error = thrown as Error & { readonly code?: unknown };
  const [stack, code] = [attempt(() => error.stack), attempt(() => error.code)];
  return {
    name: attempt(() => error.name) ?? 'Error',
    message: attempt(() => String(error.message)) ?? inWords(error),
    ...(stack !== undefined && { stack }),
    ...(code !== undefined && { code }),
  };
}

/** The report of a worker: stderr and fatal errors, during its boot written synchronously because the process may be about to die. */
export interface BootReport {
  /**
   * Uses another way to the master, once there is one: two writers on one descriptor could cut each other's lines.
   * @param raw Takes the end of a line that is half written.
   */
  via(send: (message: WorkerMessage) => boolean, raw: (bytes: Buffer) => void): void;
  /** False when the master does not take it. */
  say(message: WorkerMessage): boolean;
  /** The worker is ready: from here on it reports what kills it, and what it wrote last only when it ends with another code than 0. */
  ready(): void;
}

/**
 * Starts to report to the master. Never throws, and leaves what the process writes and how it dies as they are.
 * @param first No code has run in the process that could have asked for its stderr.
 */
function reportBoot(fd: number, first: boolean): BootReport {
  let isReady = false;
  const end = new TextEnd(STDERR_END);
  let budget = STDERR_LIMIT;
  // The end of a line that did not fit: without it the next line would be garbage.
  let rest: Buffer | undefined;
  let send = (message: WorkerMessage): boolean => {
    rest = rest && unwritten(fd, rest);
    if (rest !== undefined) return false;
    rest = unwritten(fd, Buffer.from(encode(message)));
    return true;
  };
  const report = (message: WorkerMessage): boolean => {
    try {
      return send(message);
    } catch {
      // EAGAIN: the master is busy and the buffer full. EPIPE: it is gone. The worker can report it to no process either way.
      return false;
    }
  };

  const reportText = (text: string): void => {
    for (let at = 0; at < text.length; at += STDERR_PIECE) {
      report({ type: 'wrote-stderr', text: text.slice(at, at + STDERR_PIECE) });
    }
  };

  const listen = (stderr: NodeJS.WriteStream): void => {
    const original = stderr.write;
    function tap(this: unknown, ...args: unknown[]): boolean {
      if (isReady) {
        end.add(textOf(args[0], args[1]));
      } else if (budget > 0) {
        const text = textOf(args[0], args[1]).slice(0, budget);
        budget -= text.length;
        reportText(text);
      }
      return Reflect.apply(original, this, args) as boolean;
    }
    stderr.write = tap as typeof original;
  };
  if (!(first && whenMade('stderr', listen))) listen(process.stderr);

  // Also hears unhandled rejections, which Node turns into uncaught exceptions, and never changes what happens next.
  process.on('uncaughtExceptionMonitor', (error) => {
    // A handler of the program may let the worker go on, and meet such an error again and again.
    if (isReady && isHandled()) return;
    const reported = bootError(error);
    report({ type: 'boot-failed', error: reported });
    // Node prints it past process.stderr.
    if (!isHandled()) end.add(`${reported.stack ?? `${reported.name}: ${reported.message}`}\n`);
  });
  process.on('exit', (code) => {
    if (code !== 0) reportText(end.text);
  });

  return {
    via: (other, raw) => {
      if (rest !== undefined) raw(rest);
      send = other;
    },
    say: report,
    ready: () => {
      isReady = true;
    },
  };
}

/** Whether an uncaught exception does not end the process. */
function isHandled(): boolean {
  return process.listenerCount('uncaughtException') > 0 || process.hasUncaughtExceptionCaptureCallback();
}

/** The end of a text that grows. Adding to it copies nothing: programs may write every request to stderr. */
class TextEnd {
  readonly #most: number;
  readonly #pieces: string[] = [];
  #length = 0;

  constructor(most: number) {
    this.#most = most;
  }

  add(piece: string): void {
    this.#pieces.push(piece);
    this.#length += piece.length;
    while (this.#length - (this.#pieces[0]?.length ?? 0) >= this.#most)
      this.#length -= this.#pieces.shift()?.length ?? 0;
  }

  get text(): string {
    return this.#pieces.join('').slice(-this.#most);
  }
}

/** What the descriptor did not take; a line of which it took nothing is dropped. */
function unwritten(fd: number, bytes: Buffer): Buffer | undefined {
  const written = writeSync(fd, bytes);
  return written < bytes.length ? bytes.subarray(written) : undefined;
}

function textOf(chunk: unknown, encoding: unknown): string {
  if (typeof chunk === 'string') {
    return encoding === 'hex' || encoding === 'base64' ? Buffer.from(chunk, encoding).toString() : chunk;
  }
  if (!ArrayBuffer.isView(chunk)) return '';
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString();
}

/** What programs and terminals send to a whole process group. SIGUSR2 has no number on Windows, SIGBREAK none elsewhere. */
const GROUP_SIGNALS = ['SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGBREAK', 'SIGUSR2'] as const;

function ignore(): void {}

/**
 * Arms everything and keeps it on the identity. The report starts first, so that a missing addon is a boot error like any other.
 * @param first As in the preload: no code of the program has run.
 */
export function prepare(identity: WorkerIdentity, system: BootSystem, first = false): Preloaded {
  if (!identity.cluster) guardOutput();
  const fd = identity.cluster ? undefined : system.reportFd(identity);
  const report = fd === undefined ? undefined : reportBoot(fd, first);
  // The terminal's signals reach the whole process group, and nodemon sends SIGUSR2 to every process; the master forwards what it
  // decides. SIGTERM keeps its default until there is something to drain. SIGBREAK is Ctrl+Break, which only Windows has.
  if (!identity.cluster) for (const signal of GROUP_SIGNALS) process.on(signal, ignore);

  const watch = system.arm(identity, () => preloaded.onMasterDeath());
  const preloaded: Preloaded = {
    watch,
    onMasterDeath: ignore,
    reportVia: (send, raw) => report?.via(send, raw),
    say: (message) => report?.say(message) ?? false,
    booted: () => report?.ready(),
  };
  identity.preloaded = preloaded;
  return preloaded;
}
