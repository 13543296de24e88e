/** The admin door of a fleet: as another program sees it, and by the commands that ask it. */

import { execFile } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { AdminAnswer } from '../../lib/protocol/admin.js';
import { COMMAND } from './command.js';
import { inherited } from './environment.js';
import { bounded } from './eventually.js';

/** A folder for the doors of one test. */
export function doorFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'prefork-door-')));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `prefork status` and its like, to the end. */
export function prefork(
  words: readonly string[],
  { cwd, env }: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Ran> {
  return new Promise((resolve) => {
    const options = { cwd, env: { ...inherited(), ...env }, timeout: 25_000 };
    execFile(process.execPath, [COMMAND, ...words], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : null;
      resolve({ code, stdout, stderr });
    });
  });
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
    await bounded(enough, 15_000, () => `${count} answers; there are ${this.#answers.length}`);
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
  const socket = connect(path);
  onTestFinished(() => void socket.destroy());
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return new RawClient(socket);
}
