/** The admin door of a fleet: as another program sees it, and by the commands that ask it. */

import { randomUUID } from 'node:crypto';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { AdminAnswer } from '../../lib/protocol/admin.js';
import { COMMAND_FILE } from './command.js';
import { bounded, USUAL_WAIT } from './eventually.js';
import { startFile, startMaster } from './master.js';
import { target } from './target.js';

/** A folder for the doors of one test. */
export function doorFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'prefork-door-')));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A path for the door of one test: in a folder of its own, on Windows the name of a pipe. */
export function newDoor(): string {
  if (target.platform === 'win32') return String.raw`\\.\pipe\prefork-test-${randomUUID()}`;
  return join(doorFolder(), 'app.sock');
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `prefork status` and its like, to the end, where the fleets under test run. */
export async function prefork(
  words: readonly string[],
  { cwd, env }: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Ran> {
  const command = startFile(COMMAND_FILE, { args: words, ...(cwd && { cwd }), ...(env && { env }) });
  const { code } = await command.gone({ within: 25_000 });
  return { code, stdout: command.stdout, stderr: command.stderr };
}

/** A client that may send anything. */
export class RawClient {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  #text = '';
  readonly #answers: AdminAnswer[] = [];
  #wake = (): void => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => void socket.once('close', () => resolve()));
    socket.on('data', (bytes: Buffer) => {
      this.#text += bytes;
      const lines = this.#text.split('\n');
      this.#text = lines.pop() ?? '';
      this.#answers.push(...lines.map((line) => JSON.parse(line) as AdminAnswer));
      this.#wake();
    });
    socket.on('close', () => this.#wake());
  }

  get answers(): readonly AdminAnswer[] {
    return this.#answers;
  }

  send(text: string | Buffer): void {
    this.socket.write(text);
  }

  /** Waits until so many answers have come, or the connection has ended. */
  async answered(count: number): Promise<readonly AdminAnswer[]> {
    const enough = new Promise<void>((resolve) => {
      this.#wake = () => {
        if (this.#answers.length >= count || this.socket.destroyed) resolve();
      };
      this.#wake();
    });
    await bounded(enough, USUAL_WAIT, () => `${count} answers; there are ${this.#answers.length}`);
    return this.#answers;
  }

  async ask(method: string, params: object = {}): Promise<AdminAnswer> {
    const count = this.#answers.length + 1;
    this.send(`${JSON.stringify({ v: 1, id: count, method, params })}\n`);
    return (await this.answered(count))[count - 1] as AdminAnswer;
  }
}

/** Rejects when the connection is refused. It is closed when the test ends. */
export async function rawClient(path: string): Promise<RawClient> {
  const socket = target.platform === 'win32' ? connect(await relayTo(path), '127.0.0.1') : connect(path);
  onTestFinished(() => void socket.destroy());
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return new RawClient(socket);
}

/** By the path of a pipe: the port of a program beside it, because no program of this machine can open the pipe itself. */
const relays = new Map<string, Promise<number>>();

function relayTo(path: string): Promise<number> {
  const known = relays.get(path);
  if (known !== undefined) return known;
  const port = startMaster('pipe-relay', { args: [path] })
    .event('listening')
    .then((event) => event.port as number);
  relays.set(path, port);
  onTestFinished(() => void relays.delete(path));
  return port;
}
