/** What the commands print of an answer, with a door at which the test answers. */

import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { parseArguments } from '../../../lib/command/arguments.js';
import { control } from '../../../lib/command/control.js';
import type { Verb } from '../../../lib/command/verbs.js';
import { folderWith } from '../../helpers/folder.js';

const STEERS = '\u001b]0;x\u0007\u001b[31mred\u001b[0m\r\u0008\u009b2J';

async function printed(verb: Verb, answer: object, ...words: string[]): Promise<{ code: number; lines: string[] }> {
  const path = join(folderWith({}), 'door');
  const server = createServer((socket) => {
    createInterface({ input: socket }).on('line', (line) => {
      socket.write(`${JSON.stringify({ v: 1, id: JSON.parse(line).id, ...answer })}\n`);
      // As a master that has stopped.
      if (verb === 'stop') socket.end();
    });
  });
  await new Promise<void>((resolve) => void server.listen(path, resolve));
  onTestFinished(() => void server.close());
  const lines: string[] = [];
  const print = (text: string): void => void lines.push(text);
  const line = parseArguments([`--admin=${path}`, verb, ...words]);
  return { code: await control(verb, line, { out: print, say: print }), lines };
}

const worker = { slot: STEERS, pid: 7, generation: 0, state: STEERS, startedAt: '2026-01-01T00:00:00Z', restarts: 0 };
const status = {
  ...{ name: `${STEERS}\nfleet other`, pid: STEERS, uptime: 0, state: 'running', generation: 0, recoveries: 0 },
  ...{ addresses: [{ name: '0', family: 'unix', address: STEERS }], queues: [], workers: [worker] },
  metrics: { workers: [] },
};

test('what a worker wrote cannot steer the terminal of the person who reloads', async () => {
  const exit = { slot: 0, pid: 7, generation: 1, code: 1, signal: null, uptime: 5, stderr: `${STEERS}\n` };
  const message = `worker 0 exited; its last words on stderr:\n${STEERS}`;
  const error = { code: 'ERR_PREFORK_BOOT_FAILED', message, exits: [exit] };
  const result = { ok: false, generation: 0, replaced: [], workers: [], error };
  expect(await printed('reload', { result })).toEqual({
    code: 1,
    lines: ['reload failed: worker 0 exited\nstderr of worker 0 (pid 7):\n  red\nno worker serves'],
  });
});

test('a process that is no master and answers at the door cannot steer the terminal either, whatever is asked', async () => {
  for (const [verb, answer, ...words] of [
    ['status', { result: status }],
    ['scale', { result: { from: STEERS, to: STEERS } }, '2'],
    ['stop', { result: { stopped: true, pid: STEERS } }],
    ['reload', { error: { code: 'X', message: STEERS } }],
  ] as const) {
    const { lines } = await printed(verb, answer, ...words);
    expect(lines).toHaveLength(1);
    expect(lines.join()).not.toMatch(/[^\P{Cc}\n]/u);
  }
});

test('a line of the table stays one line, whatever a process that is no master puts into it', async () => {
  const { lines } = await printed('status', { result: status });
  expect(lines.join().split('\n')).toHaveLength(5);
});
