/** Runs before and after every test file: what the file opened, started or set must be gone when it ends (C15). */

import './mark.js';
import { afterAll } from 'vitest';
import { endAgent } from '../helpers/agent.js';
import { endLeftProcesses, leftVariables, MARK, settledDescriptors } from '../helpers/leaks.js';
import { openFds } from '../helpers/processes.js';

// libuv opens the descriptors of its signal handling, which child processes need too, at first use and keeps them.
const noop = (): void => {};
process.on('SIGUSR2', noop);
process.off('SIGUSR2', noop);

const descriptors = openFds();
const variables = { ...process.env };

// Hooks run in reverse order of registration: this one after all those of the test file.
afterAll(async () => {
  await endAgent();
  const mark = variables[MARK] ?? '';
  const processes = await endLeftProcesses(mark);
  const left = [
    ...processes.map((line) => `process ${line}`),
    ...(await settledDescriptors(descriptors)).map((line) => `descriptor ${line}`),
    ...leftVariables(variables).map((line) => `environment variable ${line}`),
  ];
  if (left.length > 0) throw new Error(`This test file left behind:\n  ${left.join('\n  ')}`);
}, 20_000);
