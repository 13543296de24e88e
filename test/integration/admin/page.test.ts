/** docs/guide/operate.md: what it shows is what the commands print, number for number. */

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { expect } from 'vitest';
import { prefork } from '../../helpers/admin.js';
import { COMMAND, readyPort } from '../../helpers/command.js';
import { folderWith } from '../../helpers/folder.js';
import { eventually, httpGet, type Master, patience, startProgram, testWhen } from '../../helpers/index.js';
import { inPackage, target } from '../../helpers/target.js';
import { canHaveShell, inAShell } from '../../helpers/terminal.js';

const GOOD = "require('node:http').createServer((_q, r) => r.end('ok')).listen(0, '127.0.0.1');\n";
const BAD = "console.error('config: no database');\nprocess.exit(7);\n";

/** What the page shows for each command, in its order. */
function sessions(): { readonly command: string; readonly output: string }[] {
  const page = readFileSync(inPackage('docs/guide/operate.md'), 'utf8');
  return [...page.matchAll(/```console\n\$ (.*)\n([\s\S]*?)```/g)].map(([, command = '', output = '']) => ({
    command,
    output,
  }));
}

/** By command, the line that the table of tasks shows of its output. */
function tasks(): [command: string, line: string][] {
  const page = readFileSync(inPackage('docs/guide/operate.md'), 'utf8');
  return [...page.matchAll(/^\| .*\[`(prefork .*?)`\].*\| `(.*?)`[^|]*\|$/gm)].map(([, command = '', line = '']) => [
    command,
    line,
  ]);
}

/** Numbers and widths of columns are those of one day; what a worker has not counted yet is a number, too. */
function shapeOf(text: string): string {
  return text
    .replace(/(\d+ (d|h) )*\d+ (s|min|h)\b/g, 'T')
    .replace(/\d+(\.\d+)?( ms| [KMG]|%)?(?=\s|$)/gm, 'N')
    .replace(/(?<= )-(?=\s|$)/gm, 'N')
    .replace(/\d+/g, 'N')
    .replace(/ +/g, ' ')
    .replace(/^ | $/gm, '')
    .trim();
}

testWhen(
  canHaveShell(),
  'needs bash, python3 and pseudo terminals',
  'terminals',
  'unixSockets',
)(
  'R5m the page shows what status, top, reload, scale, stop and the socket itself print',
  async () => {
    const cwd = folderWith({ 'server.js': GOOD });
    const env = { XDG_RUNTIME_DIR: cwd };
    const args = [COMMAND, '--name', 'page-test', '--workers', '2', '--admin', 'server.js'];
    const fleet = startProgram(target.node, { args, cwd, env });
    const port = await readyPort(fleet);
    const shown = sessions();
    expect(shown.map(({ command }) => command.replace(/^npx prefork /, ''))).toEqual([
      ...['status', 'top', 'reload', 'reload', 'scale 4', 'stop'],
      expect.stringMatching(/^echo .* \| nc -U /),
    ]);
    expect(tasks().map(([command]) => command)).toEqual(
      ['status', 'reload', 'scale 4', 'stop'].map((verb) => `prefork ${verb}`),
    );
    for (const [command, line] of tasks())
      expect(shown.find((session) => session.command === `npx ${command}`)?.output.split('\n')).toContain(line);
    const [status, top, reload, failed, scale, stop, raw] = shown.map(({ output }) =>
      shapeOf(output.replace('web', 'page-test')),
    );
    const run = async (...words: string[]): Promise<string> => {
      const { stdout, stderr } = await prefork([...words, '--name', 'page-test'], { env });
      return shapeOf(`${stderr}${stdout}`);
    };
    await httpGet({ port });
    expect(await run('status')).toBe(status);
    expect(await frameOf(cwd, fleet)).toBe(top);
    expect(await run('reload')).toBe(reload);
    writeFileSync(join(cwd, 'server.js'), BAD);
    expect(await run('reload')).toBe(failed);
    writeFileSync(join(cwd, 'server.js'), GOOD);
    expect(await run('scale', '4')).toBe(scale);
    const request = /echo '(.*)' \|/.exec(shown[6]?.command ?? '')?.[1] ?? '';
    expect(shapeOf(byPython(request, join(cwd, 'prefork/page-test.sock')))).toBe(raw);
    expect(await run('stop')).toBe(stop);
    expect((await fleet.gone()).code).toBe(0);
  },
  patience(120_000),
);

/** The second frame on a terminal: the first has no rates. */
async function frameOf(runtime: string, fleet: Master): Promise<string> {
  const [python, fixture] = inAShell;
  const shell = startProgram(python, { args: [fixture], env: { TERM: 'xterm', XDG_RUNTIME_DIR: runtime } });
  await shell.call('resize', 100, 8);
  await shell.call('type', `${target.node} ${COMMAND} top --name page-test\n`);
  const frames = (): string[] => shell.stdout.split('\u001b[H').filter((frame) => frame.includes('quits'));
  await eventually(() => frames().length > 2, { within: 15_000, what: 'three frames' });
  await shell.call('type', 'q');
  // What is typed before is a key of top.
  await eventually(() => /\[\?1049l/.test(shell.stdout), { what: 'top has ended' });
  await shell.call('type', 'exit\n');
  await shell.gone();
  expect(shell.stdout).toContain(String(fleet.pid));
  // A terminal adds an empty line behind each, as in top.test.ts.
  const lines = (frames()[1] ?? '').split(/\n+/).map((line) => stripVTControlCharacters(line));
  return shapeOf(lines.join('\n'));
}

/** As `echo … | nc -U …`, where nc(1) is not installed. */
function byPython(line: string, path: string): string {
  const program = `import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(sys.argv[2].encode() + b"\\n")
s.shutdown(socket.SHUT_WR)
while True:
    data = s.recv(65536)
    if not data: break
    sys.stdout.write(data.decode())`;
  return execFileSync('python3', ['-c', program, path, line], { encoding: 'utf8' });
}
