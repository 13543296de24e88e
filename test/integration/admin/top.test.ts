/** `prefork top` on a terminal, and where there is none. */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { expect, test as testAnywhere } from 'vitest';
import { doorFolder, newDoor, prefork } from '../../helpers/admin.js';
import { COMMAND } from '../../helpers/command.js';
import {
  children,
  eventually,
  type Master,
  sendSignal,
  startProgram,
  startReadyFleet,
  target,
  testOn,
  testWhen,
} from '../../helpers/index.js';
import { canHaveShell, inAShell } from '../../helpers/terminal.js';

const testInAShell = testWhen(canHaveShell(), 'needs bash, python3 and pseudo terminals', 'terminals', 'unixSockets');
const test = testOn('unixSockets');

const ESCAPE = '\u001b';
const [ENTER, LEAVE] = [`${ESCAPE}[?1049h`, `${ESCAPE}[?1049l`];

interface Session {
  readonly shell: Master;
  readonly master: Master;
  type(text: string): Promise<void>;
  shows(text: string | RegExp): Promise<void>;
}

/** A shell in which `prefork top` runs, and shows its first frame. */
async function topInAShell(): Promise<Session> {
  const admin = join(doorFolder(), 'app.sock');
  const { master } = await startReadyFleet({ options: { admin, name: 'web' } });
  const [python, fixture] = inAShell;
  const shell = startProgram(python, { args: [fixture], env: { TERM: 'xterm', NO_COLOR: undefined } });
  const type = async (text: string): Promise<void> => void (await shell.call('type', text));
  const shows = async (text: string | RegExp): Promise<void> => {
    await eventually(() => (typeof text === 'string' ? shell.stdout.includes(text) : text.test(shell.stdout)), {
      within: 15_000,
      what: `the terminal shows ${text}; it shows ${JSON.stringify(shell.stdout.slice(-2_000))}`,
    });
  };
  await shell.call('resize', 100, 20);
  // Typed ahead: the shell reads the second line when the command has ended.
  await type(
    `${target.node} ${COMMAND} top --admin=${admin}; echo "ended $?"; stty -a | grep -c -- '-icanon\\|-echo '\n`,
  );
  await shows('fleet web: running');
  return { shell, master, type, shows };
}

/** The command has ended with the code, and the terminal is as it was. */
async function expectGivenBack({ shell, shows, type }: Session, code: number): Promise<void> {
  await shows(new RegExp(`^.*ended ${code}$`, 'm'));
  await shows(/ended \d+\n0$/m);
  const screen = shell.stdout;
  expect(screen.lastIndexOf(LEAVE)).toBeGreaterThan(screen.lastIndexOf(ENTER));
  expect(screen.lastIndexOf(`${ESCAPE}[?25h`)).toBeGreaterThan(screen.lastIndexOf(`${ESCAPE}[?25l`));
  await type('exit\n');
  await shell.gone();
}

for (const [what, key] of [
  ['q', 'q'],
  ['Ctrl+C', '\u0003'],
] as const) {
  testInAShell(`R5j ${what} ends top with code 0, and gives the terminal back`, async () => {
    const session = await topInAShell();
    await session.type(key);
    await expectGivenBack(session, 0);
    await session.master.call('stop');
  });
}

testInAShell('R5j top shows a worker for each slot, and draws anew when one is replaced', async () => {
  const session = await topInAShell();
  const { shell, master, shows } = session;
  const [pid = 0] = master.workers();
  await shows(new RegExp(`0 +${pid} +0 +ready`));
  sendSignal(pid, 'SIGKILL');
  const { newPid } = await master.event('onChildRecover');
  await shows(new RegExp(`0 +${newPid} +0 +ready`));
  expect(stripVTControlCharacters(shell.stdout)).toMatch(/SLOT +PID +GEN +STATE +AGE +REQ\/S +CONNS +DELAY +CPU +RSS/);
  await session.type('q');
  await expectGivenBack(session, 0);
  await master.call('stop');
});

testInAShell('R5j after a change of its size every line fits the terminal', async () => {
  const session = await topInAShell();
  const { shell, shows } = session;
  const before = shell.stdout.length;
  await shell.call('resize', 32, 10);
  await eventually(() => shell.stdout.slice(before).split(`${ESCAPE}[H`).length > 3, {
    what: 'three frames: the second is whole, and of the new size',
  });
  const [, ...frames] = shell.stdout.slice(before).split(`${ESCAPE}[H`);
  // The terminal adds a carriage return of its own to each line, which ends it twice for a reader of lines.
  const lines = (frames.at(-2) as string).split(/\n+/).map(stripVTControlCharacters);
  expect(Math.max(...lines.map((line) => line.trimEnd().length))).toBeLessThanOrEqual(32);
  expect(lines.length).toBeLessThanOrEqual(10);
  await shows('fleet web');
  await session.type('q');
  await expectGivenBack(session, 0);
  await session.master.call('stop');
});

for (const [signal, code] of [
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  testInAShell(`R5j a top that is ended by ${signal} gives the terminal back first`, async () => {
    const session = await topInAShell();
    sendSignal(topOf(session.shell), signal);
    await expectGivenBack(session, code);
    await session.master.call('stop');
  });
}

testInAShell('R5j Ctrl+Z gives the terminal to the shell, and fg draws anew', async () => {
  const session = await topInAShell();
  const { shell, type, shows } = session;
  await type('\u001a');
  await shows('Stopped');
  expect(shell.stdout.lastIndexOf(LEAVE)).toBeGreaterThan(shell.stdout.lastIndexOf(ENTER));
  const before = shell.stdout.length;
  await type('fg; echo "ended $?"; stty -a | grep -c -- "-icanon\\|-echo "\n');
  await eventually(() => shell.stdout.slice(before).includes('fleet web: running'), { what: 'top is there again' });
  await type('q');
  await expectGivenBack(session, 0);
  await session.master.call('stop');
});

testInAShell('R5j the end of the master is one message on the terminal that was before, and code 3', async () => {
  const session = await topInAShell();
  session.master.kill('SIGKILL');
  await session.shows(/prefork: the master of .* ended/);
  expect(session.shell.stdout.indexOf('prefork: the master of')).toBeGreaterThan(
    session.shell.stdout.lastIndexOf(LEAVE),
  );
  await expectGivenBack(session, 3);
});

/** The node that runs in the foreground of the shell. */
function topOf(shell: Master): number {
  const [bash] = children(shell.pid);
  const [top] = children(bash?.pid ?? 0);
  if (top === undefined) throw new Error('The shell runs nothing');
  return top.pid;
}

testAnywhere('R5j without a terminal top prints one frame, and ends', async () => {
  const admin = newDoor();
  const { master } = await startReadyFleet({ options: { admin, name: 'web' } });
  const { code, stdout } = await prefork(['top', `--admin=${admin}`]);
  expect(code).toBe(0);
  expect(stdout).not.toContain(ESCAPE);
  expect(stdout).toMatch(/^fleet web: running/);
  expect(stdout.trimEnd().split('\n')).toHaveLength(6);
  await master.call('stop');
});

test('R5k the commands that ask a fleet load nothing of a master', () => {
  const { stdout } = spawnSync(
    target.node,
    [
      '-e',
      `process.argv = [process.argv[0], ${JSON.stringify(COMMAND)}, 'status', '--name', 'no such fleet'];
       process.on('exit', () => console.log(JSON.stringify(Object.keys(require.cache))));
       require(process.argv[1]);`,
    ],
    { encoding: 'utf8' },
  );
  const files = (JSON.parse(stdout) as string[]).map((file) => file.replace(/^.*\//, ''));
  expect(files.sort()).toEqual(['bundle-command-control.cjs', 'bundle-command-main.cjs', 'prefork.cjs']);
});
