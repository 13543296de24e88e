/** `test/fixtures/sends-late.py`: a client that looks for the end of a connection right before it sends, as a good client does. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, onTestFinished } from 'vitest';
import { bounded } from './index.js';

const FIXTURE = new URL('../fixtures/sends-late.py', import.meta.url).pathname;

export interface LateReport {
  readonly sent: number;
  readonly answered: number;
  /** Not answered, and never received either: on its way when the server ended the connection. Linux. */
  readonly crossed: number;
  readonly lost: readonly string[];
  /** Connections that the server closed ahead of their request. */
  readonly closed: number;
  /** Connections that are still open. */
  readonly open: number;
}

export interface LateClients {
  /** From now on the time counts. */
  go(): Promise<LateReport>;
}

/** Settles when every connection has had an answer. Each asks once more between `from` and `to` ms after `go()`. */
export async function startLateClients(
  place: number | string,
  count: number,
  from: number,
  to: number,
): Promise<LateClients> {
  const child = spawn('python3', [FIXTURE, String(place), String(count), String(from), String(to)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const gone = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await gone;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => String((await bounded(lines.next(), 60_000, 'the clients report')).value);
  expect(await line()).toBe('connected');
  return {
    async go() {
      child.stdin.write('go\n');
      return JSON.parse(await line()) as LateReport;
    },
  };
}
