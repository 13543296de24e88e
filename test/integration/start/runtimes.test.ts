/** Runtimes that imitate Node.js. */

import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { expect } from 'vitest';
import { inPackage, testWhen } from '../../helpers/index.js';
import { runtime } from '../../helpers/runtimes.js';

const bun = await runtime('bun');
const deno = await runtime('deno');

const rows = [
  { name: 'Bun', found: bun, args: [] },
  { name: 'Bun', found: bun, args: ['run', '--bun'] },
  { name: 'Deno', found: deno, args: ['run', '--allow-all'] },
  // It may neither load the addon nor look at the environment.
  { name: 'Deno', found: deno, args: ['run', '--no-prompt', '--allow-read'] },
  { name: 'Deno', found: deno, args: ['run', '--no-prompt', '--allow-read', '--allow-ffi'] },
] as const;

for (const { name, found, args } of rows) {
  testWhen(found.missing === undefined, found.missing ?? '')(
    `F15b ${[name, ...args].join(' ')} is refused at once, before anything is bound or started`,
    async () => {
      const program = inPackage('test/fixtures/in-another-runtime.mjs');
      const child = spawn(found.program as string, [...args, program], { stdio: ['ignore', 'pipe', 'pipe'] });
      const exited = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
      const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
      // Nothing else is written: no line of a master, and no question of Deno.
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(JSON.parse(stdout)).toEqual({
        name: 'PreforkError',
        code: 'ERR_PREFORK_UNSUPPORTED',
        message: expect.stringMatching(new RegExp(`^prefork needs Node\\.js; this is ${name} \\d+\\.\\d+\\.\\d+$`)),
      });
    },
  );
}
