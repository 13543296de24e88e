/** The log on a terminal, where a person reads it. */

import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { commandWorks, type Master, sendSignal, startMaster, testWhen } from '../../helpers/index.js';

const onATerminal = ['python3', fileURLToPath(new URL('../../fixtures/stderr-on-a-terminal.py', import.meta.url))];
const testOnATerminal = testWhen(
  commandWorks(...(onATerminal as [string]), 'true'),
  'needs python3 and a pty',
  'terminals',
);

/** What decides about colours, without what this machine has set. */
const PLAIN = {
  NO_COLOR: undefined,
  FORCE_COLOR: undefined,
  NODE_DISABLE_COLORS: undefined,
  CI: undefined,
  TMUX: undefined,
};
const COLOURED = { ...PLAIN, TERM: 'xterm-256color', COLORTERM: undefined };
const ESCAPE = '\x1b';

interface Log {
  readonly lines: readonly string[];
  readonly master: Master;
  /** Of the worker that was lost. */
  readonly lost: number;
}

/** A worker is killed and recovered, then the fleet is stopped: lines of every level. */
async function life(env: Readonly<Record<string, string | undefined>>, wrapper = onATerminal): Promise<Log> {
  const master = startMaster('logs-with', { args: ['default'], env, wrapper });
  const [lost] = (await master.event('onMasterReady'))['pids'];
  sendSignal(lost, 'SIGKILL');
  await master.event('onChildRecover');
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  await master.outputEnded;
  return { lines: master.stderr.trimEnd().split(/\r?\n/), master, lost };
}

/** The lines of a level, each without its time. */
function ofLevel(lines: readonly string[], level: string): string[] {
  return lines.flatMap((line) => {
    const [, rest = ''] = /^\d\d:\d\d:\d\d\.\d{3} (.*)$/.exec(line) ?? [];
    return rest.startsWith(`${level} `) ? [rest.slice(level.length + 1)] : [];
  });
}

testOnATerminal('on a terminal every line begins with the local time, in the order of the clock', async () => {
  const before = new Date();
  const { lines } = await life({ ...COLOURED, TZ: 'Asia/Kathmandu' });
  const after = new Date();
  // Nepal is 5:45 ahead of UTC: no machine's own zone by mistake.
  const local = (date: Date): string => new Date(date.getTime() + 345 * 60_000).toISOString().slice(11, 23);
  const times = lines.map((line) => /^(\d\d:\d\d:\d\d\.\d{3}) /.exec(line)?.[1]);
  expect(times).not.toContain(undefined);
  // At midnight the clock begins anew.
  const seen = [local(before), ...times, local(after)];
  if (local(before) < local(after)) expect(seen).toEqual([...seen].sort());
});

testOnATerminal('on a terminal a warning is yellow and an error is red, by a word', async () => {
  const { lines, lost } = await life(COLOURED);
  expect(ofLevel(lines, `${ESCAPE}[33mwarn${ESCAPE}[39m`)).toEqual([expect.stringContaining('slot 0 is filled again')]);
  expect(ofLevel(lines, `${ESCAPE}[31merror${ESCAPE}[39m`)).toEqual([
    expect.stringContaining(`(pid ${lost}, generation 0) was killed`),
  ]);
  expect(lines.filter((line) => line.includes(ESCAPE))).toHaveLength(2);
});

for (const [what, env] of [
  ['NO_COLOR=1', { ...COLOURED, NO_COLOR: '1' }],
  ['TERM=dumb', { ...COLOURED, TERM: 'dumb' }],
  ['FORCE_COLOR=0', { ...COLOURED, FORCE_COLOR: '0' }],
] as const) {
  testOnATerminal(`with ${what} the words of a terminal have no colour`, async () => {
    const { lines, master } = await life(env);
    expect(ofLevel(lines, 'warn')).toEqual([expect.stringContaining('slot 0 is filled again')]);
    expect(ofLevel(lines, 'error')).toHaveLength(1);
    expect(master.stderr).not.toContain(ESCAPE);
  });
}

testOnATerminal('with FORCE_COLOR=1 the words have their colour on any terminal', async () => {
  const { lines } = await life({ ...COLOURED, TERM: 'dumb', FORCE_COLOR: '1' });
  expect(ofLevel(lines, `${ESCAPE}[33mwarn${ESCAPE}[39m`)).toHaveLength(1);
});

testOnATerminal('in a pipe the text is what it always was, even with FORCE_COLOR', async () => {
  const { lines, master, lost } = await life({ ...COLOURED, FORCE_COLOR: '3' }, []);
  const prefix = `prefork[0] master ${master.pid}: `;
  expect(lines).toContain(`${prefix}slot 0 is filled again at once: exit 1 of 5 allowed within 60000 ms`);
  expect(lines).toContain(`${prefix}worker 0 (pid ${lost}, generation 0) spawned`);
  expect(lines.filter((line) => !line.startsWith(prefix))).toEqual([]);
  expect(master.stderr).not.toContain(ESCAPE);
});

testOnATerminal('the lines of a worker on a terminal begin with the time, too', async () => {
  const master = startMaster('logs-with', { args: ['default'], env: COLOURED, wrapper: onATerminal });
  const [pid] = (await master.event('onMasterReady'))['pids'];
  master.kill('SIGKILL');
  await master.outputEnded;
  expect(ofLevel(master.stderr.split('\r\n'), `${ESCAPE}[33mwarn${ESCAPE}[39m`)).toEqual([
    `prefork[0] worker 0 (pid ${pid}, generation 0): the master died; draining`,
  ]);
});
