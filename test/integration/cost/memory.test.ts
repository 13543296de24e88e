import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { bounded, residentMemoryOf } from '../../helpers/index.js';

/** `npm run bench` measures this program, too: see bench/memory.mjs for exact numbers and the bound that it aims at. */
const program = fileURLToPath(new URL('../../../bench/lib/idle.mjs', import.meta.url));

/** Resident bytes of the idle program that imports express, by itself or as the master of two workers. */
async function residentMemory(role: 'plain' | 'master'): Promise<number> {
  const child = fork(program, [role, 'node:http,express'], { execArgv: [] });
  try {
    await bounded(once(child, 'message'), 15_000, `the ${role} program is idle`);
    return residentMemoryOf(child.pid ?? 0);
  } finally {
    const ended = once(child, 'exit');
    child.disconnect();
    await bounded(ended, 10_000, `the ${role} program ends with its channel`);
  }
}

test('a master needs little more memory than a program that imports the same modules', async () => {
  const plain = await residentMemory('plain');
  const master = await residentMemory('master');
  // 1.08 is usual. Garbage of the start that has not been collected yet counts, so the bound is wide.
  expect(master / plain).toBeLessThan(1.3);
});
