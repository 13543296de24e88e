/** The terminal, while `prefork top` has it: it is given back in every way in which a process can still do so. */

import type { ReadStream, WriteStream } from 'node:tty';
import { endBy, stopJob } from './job.js';

/** Another screen, so that what was there comes back (xterm's ctlseqs: 1049), and no cursor. */
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[H\x1b[2J';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const REST_OF_LINE = '\x1b[K';
const REST_OF_SCREEN = '\x1b[J';

/** That end a process, and can be heard. SIGBREAK is Ctrl+Break, which only Windows has: elsewhere it is an event that never comes. */
const ENDS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGBREAK'] as const;

export interface ScreenEvents {
  /** What a key, or several, sends. */
  keys(text: string): void;
  /** The size has changed, or the screen is new: draw. */
  draw(): void;
}

export class Screen {
  readonly #output: WriteStream;
  readonly #input: ReadStream | undefined;
  readonly #events: ScreenEvents;
  readonly #undo: (() => void)[] = [];
  #on = false;

  /** @param input `undefined`: there are no keys. */
  constructor(output: WriteStream, input: ReadStream | undefined, events: ScreenEvents) {
    this.#output = output;
    this.#input = input;
    this.#events = events;
    this.#listen(output, 'resize', () => events.draw());
    // EIO: the terminal has hung up. SIGHUP comes by itself, if this is its session.
    this.#listen(output, 'error', () => process.exit(1));
    if (input !== undefined) this.#listen(input, 'data', (keys: Buffer | string) => events.keys(String(keys)));
    for (const signal of ENDS) {
      this.#listen(process, signal, () => {
        this.close();
        endBy(signal);
      });
    }
    this.#listen(process, 'SIGCONT', () => this.#enter());
    this.#listen(process, 'exit', () => this.#leave());
    // Before Node prints it.
    this.#listen(process, 'uncaughtExceptionMonitor', () => this.#leave());
    this.#enter();
  }

  get columns(): number {
    return this.#output.columns || 80;
  }

  get rows(): number {
    return this.#output.rows || 24;
  }

  /** Lines may hold escape sequences without a width; longer ones than the screen is wide were cut before. */
  draw(lines: readonly string[]): void {
    if (!this.#on) return;
    const body = lines.slice(0, this.rows).map((line) => `${line}${REST_OF_LINE}`);
    this.#output.write(`${HOME}${body.join('\r\n')}${REST_OF_SCREEN}`);
  }

  /** Stands still until the shell continues it. */
  suspend(): void {
    this.#leave();
    if (!stopJob()) this.#enter();
  }

  close(): void {
    this.#leave();
    for (const undo of this.#undo.splice(0)) undo();
    this.#input?.pause();
    this.#input?.unref();
  }

  #enter(): void {
    if (this.#on) return;
    this.#on = true;
    this.#output.write(ENTER);
    this.#input?.setRawMode(true);
    this.#input?.resume();
    this.#events.draw();
  }

  #leave(): void {
    if (!this.#on) return;
    this.#on = false;
    this.#output.write(LEAVE);
    try {
      this.#input?.setRawMode(false);
    } catch {
      // EIO: there is no terminal any more.
    }
  }

  #listen(target: NodeJS.EventEmitter, event: string, listener: (...values: never[]) => void): void {
    const hear = listener as (...values: unknown[]) => void;
    target.on(event, hear);
    this.#undo.push(() => target.off(event, hear));
  }
}
