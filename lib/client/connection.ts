/** Asks one master, over its admin door. */

import { connect, type Socket } from 'node:net';
import type { Surroundings } from '../common/admin-place.js';
import { ADMIN_VERSION, type AdminAnswer, type AdminError } from '../protocol/admin.js';
import { noMaster, notThere } from './not-there.js';

/** Bytes of an answer: that of a fleet of 65,535 workers is shorter. */
const ANSWER_MAX = 64 * 1024 * 1024;
/** Milliseconds that a master may take for what it knows already. Longer, and its event loop is blocked. */
export const AT_ONCE = 10_000;
/** A crowd of clients may fill the queue of a unix socket, which the kernel answers at once. */
const RETRY = { times: 20, pause: 50 } as const;
/** Milliseconds in which the door of a process that ends is closed, after the end of its connections: it may get no CPU between the two. */
const CLOSING = 1_000;

/** The master has refused the request, or could not do it. */
export class Refusal extends Error {
  readonly error: AdminError;

  constructor(error: AdminError) {
    super(error.message);
    this.error = error;
  }
}

export interface AskOptions {
  /** Milliseconds. Default: as long as it takes. */
  readonly within?: number;
}

/** @throws ClientFailure when no master is there. */
export async function openConnection(path: string, here: Pick<Surroundings, 'platform'>): Promise<Connection> {
  for (let attempt = 1; ; attempt++) {
    try {
      return new Connection(await connected(path), path);
    } catch (error) {
      const refused = error as NodeJS.ErrnoException;
      if (refused.code !== 'EAGAIN' || attempt === RETRY.times) throw notThere(path, refused, here);
      await pause(RETRY.pause);
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Why a connection has ended on which nothing was heard. A process without descriptors accepts a connection only to close it (fact 45).
 */
async function whySilent(path: string): Promise<Error> {
  await pause(CLOSING);
  try {
    (await connected(path)).destroy();
  } catch {
    return ended(path);
  }
  return noMaster(
    `the master of ${path} has closed the connection without an answer: it has no descriptor for one more client ` +
      '(raise its limit of open files, ulimit -n), or it was started again just now',
  );
}

function ended(path: string): Error {
  return noMaster(`the master of ${path} ended before it answered`);
}

function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      if (socket.writable) {
        resolve(socket);
        return;
      }
      // On Windows every user may open a pipe to read it, and no more than that was granted (fact 56).
      socket.destroy();
      reject(Object.assign(new Error(`${path} can only be read`), { code: 'EACCES' }));
    });
  });
}

interface Waiting {
  resolve(answer: AdminAnswer): void;
  reject(error: Error): void;
}

export class Connection {
  readonly path: string;
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ended: Promise<void>;
  #pieces: Buffer[] = [];
  #size = 0;
  #last = 0;
  #heard = false;
  #left = false;
  #over: Error | undefined;

  constructor(socket: Socket, path: string) {
    this.path = path;
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
    // ECONNRESET, EPIPE: 'close' follows.
    socket.on('error', () => {});
    this.#ended = new Promise((resolve) => {
      socket.once('close', () => {
        if (this.#heard || this.#left) this.#fail(ended(path));
        else void whySilent(path).then((why) => this.#fail(why));
        resolve();
      });
    });
  }

  /**
   * @throws {@link Refusal}; ClientFailure when the master ends before it answers.
   */
  async ask<Result>(method: string, params: object = {}, { within }: AskOptions = {}): Promise<Result> {
    const id = ++this.#last;
    const answer = await new Promise<AdminAnswer>((resolve, reject) => {
      if (this.#over !== undefined) return reject(this.#over);
      const late = (): void =>
        reject(
          noMaster(
            `the master of ${this.path} has not answered for ${(within ?? 0) / 1_000} s: its event loop is blocked`,
          ),
        );
      const timer = within === undefined ? undefined : setTimeout(late, within);
      const settled = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(id);
      };
      this.#waiting.set(id, {
        resolve: (given) => {
          settled();
          resolve(given);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      });
      this.#socket.write(`${JSON.stringify({ v: ADMIN_VERSION, id, method, params })}\n`);
    });
    if ('error' in answer) throw new Refusal(answer.error);
    return answer.result as Result;
  }

  /** Resolves with whether the master's process ended within so many milliseconds. */
  async ends(within: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), within);
    });
    try {
      return await Promise.race([this.#ended.then(() => true), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#left = true;
    this.#socket.destroy();
  }

  #take(bytes: Buffer): void {
    this.#heard = true;
    let rest = bytes;
    for (let end = rest.indexOf('\n'); end !== -1; end = rest.indexOf('\n')) {
      const line = Buffer.concat([...this.#pieces, rest.subarray(0, end)]).toString('utf8');
      this.#pieces = [];
      this.#size = 0;
      rest = rest.subarray(end + 1);
      this.#answer(line);
    }
    if (rest.length === 0) return;
    this.#pieces.push(rest);
    this.#size += rest.length;
    if (this.#size > ANSWER_MAX) this.#stranger();
  }

  #answer(line: string): void {
    let answer: AdminAnswer | null | undefined;
    try {
      answer = JSON.parse(line) as AdminAnswer | null;
    } catch {
      // As below.
    }
    if (typeof answer !== 'object' || answer === null || !('result' in answer || 'error' in answer)) this.#stranger();
    // An answer to nothing is why the master ends the connection.
    else if (answer.id === null && 'error' in answer) this.#fail(new Refusal(answer.error));
    else this.#waiting.get(answer.id as number)?.resolve(answer);
  }

  #stranger(): void {
    this.#fail(noMaster(`what answers at ${this.path} is no admin door of prefork`));
    this.close();
  }

  #fail(error: Error): void {
    this.#over ??= error;
    for (const { reject } of [...this.#waiting.values()]) reject(this.#over);
  }
}
