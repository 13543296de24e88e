import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');

/** Runs a test file, or all of a folder, that misbehaves on purpose under the checks of this suite. */
async function runFixture(
  folder: string,
  file = '',
  check: 'file' | 'run' = 'file',
): Promise<{ code: number | null; output: string }> {
  const args = [
    vitest,
    'run',
    '--config',
    `test/fixtures/${folder}/vitest.config.ts`,
    `test/fixtures/${folder}/${file}`,
  ];
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], NO_COLOR: '1', LEAKS_CHECK: check };
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, output };
}

test.each([
  ['process', /process \d+ \(parent \d+, state \w\) sleep 300/],
  ['descriptor', /descriptor \d+ -> .*descriptor\.leak\.ts/],
  ['variable', /environment variable PREFORK_CHILD: unset -> "1"/],
])('C15 a test file that leaves a %s behind fails, and the failure names it', async (leak, name) => {
  const { code, output } = await runFixture('leaks', `${leak}.leak.ts`);
  expect(output).toContain('1 passed');
  expect(output).toMatch(name);
  expect(code).toBe(1);
});

test('C15 a process that outlived the check of its test file fails the run', async () => {
  const { code, output } = await runFixture('leaks', 'process.leak.ts', 'run');
  expect(output).toContain('1 passed');
  expect(output).toMatch(/The test run left behind:\s+process \d+ \(parent \d+, state \w\) sleep 300/);
  expect(code).toBe(1);
});

test('a test that vitest cannot end, because its process waits for a child, is named once and ended, and the files beside it go on', async () => {
  const { code, output } = await runFixture('stuck');
  expect(output).toMatch(/No test of \S*child\.stuck\.ts ends/);
  expect(output).toMatch(/one that waits for a child\n {2}process \d+ .*forks\.js\n {4}process \d+ .* -e/);
  expect(output.split('No test of ')).toHaveLength(2);
  expect(output).toMatch(/beside\.stuck\.ts \(1 test\)/);
  expect(output).toMatch(/Tests {2}1 passed \(3\)/);
  expect(code).toBe(1);
});
