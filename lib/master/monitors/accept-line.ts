/**
 * In the master: workers that share a queue stand in line, and a connection wakes the first of them that sleeps, and only that one
 * (native/posix/accept_line.h). What the kernel does not do is to wake the next one when the first does not come: it gets no CPU, it was
 * killed. So the master has an eye on queues that stay filled, and asks all workers to look.
 */

import type { BoardPlace, NativeBoard } from '../../addon/native.cjs';
import { inWords } from '../../common/in-words.cjs';
import type { Log } from '../../common/log.js';
import type { Program } from '../../common/program.js';
import type { Settings } from '../../options/settings.js';
import type { OpenListener, SocketWatch } from '../../system/open-listener.js';
import type { QueueReport, Queues, QueueWatch, System, Timer } from '../../system/system.js';

/** A queue of which connections are taken all the time is empty in one of so many looks. */
const CONFIRMATIONS = 5;
/** Milliseconds in which workers that join or leave are one reason to look. */
const TOGETHER = 5;

/** A worker that may stand in line: a `WorkerHandle` is one. */
export interface InLine {
  readonly state: string;
  look(): void;
}

export interface AcceptLineContext {
  readonly system: Pick<System, 'after'>;
  readonly queues: Queues;
  readonly board: NativeBoard;
  readonly listeners: readonly OpenListener[];
  /** All of the fleet, in whatever state. */
  readonly workers: Iterable<InLine>;
}

/** `undefined` where workers do not share a queue, or the system wakes all of them, or the machine is short of what it takes. */
export function formLine(
  system: AcceptLineContext['system'] &
    Pick<System, 'openBoard' | 'features' | 'queues'> & { readonly program: Pick<Program, 'env'> },
  { sharing, readiness, listen }: Pick<Settings, 'sharing' | 'readiness' | 'listen'>,
  log: Log,
  fleet: Pick<AcceptLineContext, 'listeners' | 'workers'>,
): AcceptLine | undefined {
  const { openBoard: open, queues, features, program } = system;
  const alone = sharing === 'reuseport' && !listen.some(({ kind }) => kind === 'unix');
  if (open === undefined || queues === undefined || !features.exclusiveAccept || readiness === 'spawn' || alone)
    return undefined;
  if (program.env['PREFORK_ACCEPT'] === 'plain') return undefined;
  let board: NativeBoard | undefined;
  try {
    board = open();
    return new AcceptLine({ ...fleet, system, queues, board });
  } catch (error) {
    board?.close();
    log.warn(`every connection wakes all workers, because they cannot stand in line: ${inWords(error)}`, {
      event: 'accept',
      error,
    });
    return undefined;
  }
}

export class AcceptLine implements SocketWatch {
  readonly #context: AcceptLineContext;
  readonly #watch: QueueWatch;
  /** By row: who has it, or is about to. */
  readonly #taken = new Map<number, BoardPlace>();
  /** Until all are asked to look. */
  #asked: Timer | undefined;
  #closed = false;
  #over = false;

  constructor(context: AcceptLineContext) {
    this.#context = context;
    this.#watch = context.queues.watch((reports) => this.#onWaiting(reports), CONFIRMATIONS);
    try {
      for (const listener of context.listeners) this.opened(listener);
    } catch (error) {
      this.#watch.close();
      throw error;
    }
  }

  /** From here on the workers accept from it. */
  opened(listener: OpenListener): void {
    if (listener.watchBy !== undefined) listener.watchBy(this);
    else if (listener.fd !== null) this.add(listener.fd);
  }

  /** A listener that does not watch over its own sockets is about to be closed. */
  closing({ fd, watchBy }: OpenListener): void {
    if (watchBy === undefined && fd !== null) this.remove(fd);
  }

  /** A listener has another socket. */
  add(fd: number): void {
    if (!this.#closed) this.#watch.add(fd);
  }

  /** It is about to be closed. */
  remove(fd: number): void {
    if (!this.#closed) this.#watch.remove(fd);
  }

  /** For a worker that is about to be started; `undefined` when there are more than the board has rows. */
  place(): BoardPlace | undefined {
    const { board } = this.#context;
    for (let row = 0; row < board.rows; row++) {
      if (this.#taken.has(row)) continue;
      const place = { fd: board.fd, row };
      this.#taken.set(row, place);
      board.take(row);
      return place;
    }
    return undefined;
  }

  /** The worker is gone, or never came to be. Idempotent. */
  leave(place: BoardPlace): void {
    const { row } = place;
    // Another worker's by now.
    if (this.#taken.get(row) !== place) return;
    this.#taken.delete(row);
    this.#context.board.clear(row);
    this.#closeBoard();
  }

  /** Who joined is behind everybody, and has the least; who left may have been woken, and has not come. */
  changed(handle: InLine): void {
    if (this.#asked !== undefined || this.#closed || handle.state === 'draining') return;
    this.#asked = this.#context.system.after(TOGETHER, () => {
      this.#asked = undefined;
      this.#look(handle);
    });
  }

  /** The fleet ends: every worker looks for itself before it stops accepting. */
  close(): void {
    this.#closed = true;
    this.#asked?.cancel();
    this.#watch.close();
  }

  /** Every worker is gone. A `commandProducer` that takes its time may still start one with the descriptor that it was promised. */
  over(): void {
    this.#over = true;
    this.#closeBoard();
  }

  #closeBoard(): void {
    if (this.#over && this.#taken.size === 0) this.#context.board.close();
  }

  /** @param newest The others go behind it. */
  #look(newest?: InLine): void {
    if (this.#closed) return;
    for (const handle of this.#context.workers) if (handle !== newest) handle.look();
  }

  #onWaiting(reports: readonly QueueReport[]): void {
    if (this.#closed) return;
    this.#look();
    for (const { fd } of reports) this.#watch.rearm(fd);
  }
}
