import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { commandWorks, inPackage, isLinux, isRoot, patience, testOn, testWhen } from '../../helpers/index.js';
import { canRunNginx } from '../../helpers/nginx.js';

const execute = promisify(execFile);
const MAIN = fileURLToPath(new URL('../../recipes/main.mjs', import.meta.url));

/** The tests run beside others, which take the CPUs as well. */
const BESIDE_OTHERS = { env: { ...process.env, RECIPE_STOP_MS: '10000' } };

/** Those whose packages are dependencies of this project, so that nothing is downloaded. `npm run test:recipes` runs all of them. */
const HERE = ['express', 'fastify', 'koa', 'hono', 'ws', 'grpc', 'nginx', 'envoy'];

for (const name of HERE) {
  testWhen(
    name !== 'nginx' || canRunNginx(),
    'needs nginx',
    'signals',
    'proc',
  )(
    `F18a the recipe for ${name} loses nothing in three reloads, leaves no old worker, and stops in time with exit code 0`,
    async () => {
      const { stdout } = await execute(process.execPath, [MAIN, name], BESIDE_OTHERS).catch(
        (error) => error as { stdout: string },
      );
      expect(stdout).toMatch(/^passed {2}\| \[/);
    },
    patience(180_000),
  );
}

/** The same for the quick starts of docs/guide/quick-starts.md. */
const QUICK = ['express', 'fastify', 'koa', 'hono'];

for (const name of QUICK) {
  testWhen(
    isLinux && commandWorks('unshare', ...(isRoot ? [] : ['-r']), '-n', 'ip', 'link', 'set', 'lo', 'up'),
    'needs a network namespace of its own',
    'signals',
    'proc',
  )(
    `F18e the quick start of ${name} runs under the command as its own README has it, and loses nothing in three reloads and a stop`,
    async () => {
      const { stdout } = await execute(process.execPath, [MAIN, `quick-${name}`], BESIDE_OTHERS).catch(
        (error) => error as { stdout: string },
      );
      expect(stdout).toMatch(/^passed {2}\| /);
    },
    patience(180_000),
  );
}

testOn('signals', 'proc')(
  'F18d a recipe that loses answers, leaves workers, stops late and exits with another code fails, with a line for each',
  async () => {
    const from = inPackage('test/fixtures/bad-recipes');
    const { code, stdout } = await execute(process.execPath, [MAIN, '--from', from]).then(
      (output) => ({ ...output, code: 0 }),
      (error) => error as { stdout: string; code: number },
    );
    expect(code).toBe(1);
    expect(stdout).toMatch(/^FAILED {2}bad\n {2}\d+ of \d+ lost: /);
    expect(stdout).toMatch(/^ {2}\d+ replaced workers stayed for more than \d+ ms$/m);
    expect(stdout).toMatch(/^ {2}the stop took \d+ ms$/m);
    expect(stdout).toMatch(/^ {2}exit code 3$/m);
  },
  patience(180_000),
);
