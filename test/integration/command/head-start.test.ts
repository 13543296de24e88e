/** The first worker's head start: the process that the command spawns before it has loaded the master. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { COMMAND } from '../../helpers/command.js';
import { eventually } from '../../helpers/eventually.js';
import { folderWith } from '../../helpers/folder.js';
import { inPackage, target, testOn } from '../../helpers/index.js';
import { type Master, startProgram } from '../../helpers/master.js';
import { environmentOf, sendSignal, untilDead } from '../../helpers/processes.js';

/** Leaves a file behind when it runs. */
const PROGRAM = {
  'app.js': `
    require('node:fs').writeFileSync('ran-' + process.pid, JSON.stringify({ env: process.env, argv: process.argv, execArgv: process.execArgv }));
    require('node:http').createServer((_, response) => response.end()).listen(0, '127.0.0.1');`,
};
const EARLY = 'PREFORK_HEAD_START';

interface Ran {
  readonly pid: number;
  readonly early: boolean;
  readonly saw: { readonly env: Readonly<Record<string, string>>; readonly argv: readonly string[] };
}

/** Runs the program under the command, with one worker. */
async function run(options: readonly string[]): Promise<readonly Ran[]> {
  const folder = folderWith(PROGRAM);
  const args = [COMMAND, '--workers', '1', ...options, './app.js', '--workers', 'two words'];
  const master = startProgram(target.node, { args, cwd: folder, env: { PWD: folder } });
  await master.logged(/1 worker is ready/);
  const ran = whatRan(folder).map((pid) => ({
    pid,
    early: environmentOf(pid).has(EARLY),
    saw: JSON.parse(readFileSync(join(folder, `ran-${pid}`), 'utf8').replaceAll(folder, '/folder')) as Ran['saw'],
  }));
  sendSignal(master.pid, 'SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  return ran;
}

function whatRan(folder: string): readonly number[] {
  return readdirSync(folder).flatMap((name) => (name.startsWith('ran-') ? [Number(name.slice(4))] : []));
}

testOn('sharding')(
  'the first worker of a plain command line has a head start, and its program sees what every other one sees',
  async () => {
    const [early, ...others] = await run(['--grace', '5s']);
    const [usual] = await run(['--stdio', 'ignore,inherit,inherit']);
    expect([early?.early, usual?.early, others]).toEqual([true, false, []]);
    expect(early?.saw).toEqual(usual?.saw);
  },
);

function startAlone(folder: string): Master {
  const args = [inPackage('test/fixtures/head-start.cjs'), join(folder, 'app.js')];
  return startProgram(target.node, { args, cwd: folder, env: { PWD: folder } });
}

async function pidOf(alone: Master): Promise<number> {
  return await eventually(() => Number(/^\d+$/m.exec(alone.stdout)?.[0]));
}

testOn('sharding')(
  'a process with a head start that no master wants ends, is reaped, and has run nothing of the program',
  async () => {
    const folder = folderWith(PROGRAM);
    const alone = startAlone(folder);
    const pid = await pidOf(alone);
    alone.endInput();
    expect(await alone.gone()).toEqual({ code: 0, signal: null });
    await untilDead(pid);
    expect(whatRan(folder)).toEqual([]);
  },
);

testOn('sharding')('a process with a head start ends with the command, also when that is killed', async () => {
  const folder = folderWith(PROGRAM);
  const alone = startAlone(folder);
  const pid = await pidOf(alone);
  sendSignal(alone.pid, 'SIGKILL');
  await untilDead(pid);
  expect(whatRan(folder)).toEqual([]);
});
