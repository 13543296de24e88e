/** The commands beside programs of the same name, and without a path of the door. */

import { expect } from 'vitest';
import { doorFolder, prefork } from '../../helpers/admin.js';
import { COMMAND, readyPort } from '../../helpers/command.js';
import { folderWith } from '../../helpers/folder.js';
import { httpGet, startProgram, startReadyFleet, target, testOn } from '../../helpers/index.js';

const test = testOn('unixSockets', 'signals');

const SERVER = "require('node:http').createServer((_q, r) => r.end('a program')).listen(0, '127.0.0.1');\n";

for (const words of [['./status'], ['--', 'status']]) {
  test(`R5l a program that is called status is started by prefork ${words.join(' ')}`, async () => {
    const cwd = folderWith({ 'status.js': SERVER, 'node_modules/.bin/status': `#!/usr/bin/env node\n${SERVER}` });
    const args = [COMMAND, '--workers', '1', ...words];
    const fleet = startProgram(target.node, { args, cwd });
    expect((await httpGet({ port: await readyPort(fleet) })).body).toBe('a program');
    fleet.kill();
    expect((await fleet.gone()).code).toBe(0);
  });
}

test('R5l the bare word asks a fleet even beside a file of that name; options of a start name the way out', async () => {
  const cwd = folderWith({ 'status.js': SERVER, status: SERVER });
  const asked = await prefork(['status', '--name', 'no such fleet'], { cwd });
  expect(asked).toMatchObject({
    code: 3,
    stderr: expect.stringMatching(/^prefork: there is no fleet 'no such fleet'/),
  });
  const mixed = await prefork(['--workers', '2', 'status'], { cwd });
  expect(mixed).toEqual({
    code: 2,
    stdout: '',
    stderr:
      "prefork: 'status' asks a running fleet, and takes no option '--workers'; to start a program of that name: prefork --workers … ./status\n",
  });
  const surplus = await prefork(['reload', 'app.js'], { cwd });
  expect(surplus).toMatchObject({ code: 2, stderr: expect.stringContaining('prefork ./reload app.js') });
});

test('R5i two programs of one name: the second is refused with the way out, and a name of its own helps', async () => {
  const env = { XDG_RUNTIME_DIR: doorFolder() };
  const first = await startReadyFleet({ options: { admin: true, name: 'names-test' } }, { env });
  const program = folderWith({ 'app.js': SERVER });
  const start = (...more: string[]) =>
    startProgram(target.node, {
      args: [COMMAND, '--admin', '--workers', '1', ...more, 'app.js'],
      cwd: program,
      env,
    });
  const refused = start('--name', 'names-test');
  expect((await refused.gone()).code).toBe(1);
  expect(refused.stderr).toMatch(/EADDRINUSE.*another master has the name 'names-test': give this fleet another name/);
  const second = start('--name', 'names-test-2');
  await readyPort(second);
  const { stdout } = await prefork(['--name', 'names-test-2', 'status'], { env });
  expect(stdout).toContain(`master pid ${second.pid}`);
  expect((await prefork(['stop', '--name', 'names-test'], { env })).stdout).toBe('stopped\n');
  expect((await first.master.gone()).code).toBe(0);
  expect((await prefork(['stop', '--name', 'names-test-2'], { env })).stdout).toBe('stopped\n');
  expect((await second.gone()).code).toBe(0);
});
