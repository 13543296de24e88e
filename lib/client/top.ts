/** `prefork top`: a table of the workers that is drawn again every second, until a key or the end of the master ends it. */

import type { ReadStream, WriteStream } from 'node:tty';
import type { AdminStatus } from '../protocol/admin.js';
import type { Connection } from './connection.js';
import { frame, furthest } from './frame.js';
import { actionsOf } from './keys.js';
import { Rates } from './readings.js';
import { Screen } from './screen.js';

/** Milliseconds between looks. */
const INTERVAL = 1_000;
/** A master that is so late is said to be. */
const LATE = 2_000;
/** Lines about the fleet, so many or more: a page of workers is a little less than the screen. */
const HEAD = 6;

export interface Terminal {
  readonly output: WriteStream;
  /** `undefined`: it is no terminal, so there are no keys. */
  readonly input: ReadStream | undefined;
  readonly styled: boolean;
}

/** @throws ClientFailure when the master ends. */
export async function top(connection: Connection, terminal: Terminal): Promise<void> {
  const first = await connection.ask<AdminStatus>('status');
  const shown = new Top(connection, terminal, first);
  await shown.over;
}

class Top {
  readonly over: Promise<void>;
  readonly #connection: Connection;
  readonly #screen: Screen;
  readonly #styled: boolean;
  readonly #rates = new Rates();
  readonly #timer: NodeJS.Timeout;
  #status: AdminStatus;
  #above = 0;
  /** When the question was put that has no answer yet. */
  #askedAt: number | undefined;
  #settle!: (failure?: unknown) => void;

  constructor(connection: Connection, { output, input, styled }: Terminal, first: AdminStatus) {
    this.#connection = connection;
    this.#status = first;
    this.#styled = styled;
    this.#rates.add(first, performance.now());
    this.over = new Promise((resolve, reject) => {
      this.#settle = (failure) => {
        clearInterval(this.#timer);
        this.#screen.close();
        if (failure === undefined) resolve();
        else reject(failure as Error);
      };
    });
    this.#timer = setInterval(() => this.#look(), INTERVAL);
    this.#screen = new Screen(output, input, { keys: (text) => this.#keys(text), draw: () => this.#draw() });
    this.#draw();
  }

  #look(): void {
    if (this.#askedAt !== undefined) {
      this.#draw();
      return;
    }
    this.#askedAt = performance.now();
    this.#connection.ask<AdminStatus>('status').then((status) => {
      this.#askedAt = undefined;
      this.#status = status;
      this.#rates.add(status, performance.now());
      this.#draw();
    }, this.#settle);
  }

  #draw(): void {
    // The screen draws itself while it is made.
    if (this.#screen === undefined) return;
    const late = this.#askedAt === undefined ? 0 : performance.now() - this.#askedAt;
    const note = late < LATE ? undefined : `the master has not answered for ${Math.floor(late / 1_000)} s`;
    const { columns, rows } = this.#screen;
    const view = { columns, rows, above: this.#above, styled: this.#styled, note };
    this.#screen.draw(frame(this.#status, this.#rates, Date.now(), view));
  }

  #keys(text: string): void {
    // Several keys may come in one piece.
    for (const action of actionsOf(text)) {
      if (action === 'quit') this.#settle();
      else if (action === 'suspend') this.#screen.suspend();
      else this.#scroll('lines' in action ? action.lines : action.pages * Math.max(1, this.#screen.rows - HEAD));
    }
  }

  #scroll(by: number): void {
    this.#above = Math.min(Math.max(0, this.#above + by), furthest(this.#status, this.#screen.rows));
    this.#draw();
  }
}
