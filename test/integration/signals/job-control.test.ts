import { expect } from 'vitest';
import {
  eventually,
  isLinux,
  type Master,
  sendSignal,
  startFleet,
  startReadyFleet,
  testWhen,
} from '../../helpers/index.js';
import { processes } from '../../helpers/processes.js';
import { canHaveShell, canHaveTerminal, inAShell, inTerminal, press } from '../../helpers/terminal.js';

const testInAShell = testWhen(isLinux && canHaveShell(), 'needs bash, python3 and pseudo terminals', 'terminals');
const testOnATerminal = testWhen(isLinux && canHaveTerminal(), 'needs python3 and pseudo terminals', 'terminals');

/** The processes of the job that has been started last. */
function job(master: Master): readonly { readonly state: string }[] {
  const group = Number([...master.stdout.matchAll(/^\[\d+\] (\d+)/gm)].at(-1)?.[1]);
  return processes().filter((info) => info.group === group);
}

/** Waits until the job is stopped and the shell says so; then continues it in the foreground. */
async function expectStopped(master: Master, verdict: RegExp): Promise<void> {
  await eventually(() => job(master).length > 2 && job(master).every(({ state }) => state === 'T'), {
    what: 'all processes of the job are stopped',
  });
  // The shell reports at its next prompt what it knows by then. The kernel reports a stop once the last thread of a process has stopped:
  // `T` is the state of the first. And the shell may not have begun yet what Ctrl-C is to end: the job reads the same line.
  await eventually(
    async () => {
      await master.call('type', '\x03');
      await master.call('type', '\n');
      return verdict.test(master.stdout);
    },
    { what: `the shell says ${verdict}` },
  );
  expect(job(master).every(({ state }) => state === 'T')).toBe(true);
  await master.call('type', 'fg\n');
  // The shell gives the terminal away before it continues the job.
  await eventually(() => job(master).every(({ state }) => state !== 'T'), { what: 'the job goes on' });
}

async function endShell(master: Master): Promise<void> {
  await master.call('type', '\x03');
  // The fleet reads input from before that.
  await eventually(() => job(master).length === 0, { within: 10_000, what: 'the fleet has stopped' });
  await master.call('type', 'exit 0\n');
  expect(await master.gone()).toMatchObject({ code: 0 });
  expect(master.stdout).not.toMatch(/is filled again|was killed/);
}

testInAShell(
  'N9c a background job that writes to its terminal (stty tostop) is stopped as any job, and goes on in the foreground with the same slots',
  async () => {
    const master = startFleet({ options: { workers: 2 } }, { wrapper: inAShell });
    await master.call('type', '"$@" < /dev/null &\n');
    const { pids, from } = await master.event('onMasterReady');
    // The last thing that the fleet writes by itself. Written later it would stop the job, and fg(1) discards a SIGTTIN that waits.
    await master.event('on ready');
    await master.call('type', 'stty tostop; echo to"st"op\n');
    await eventually(() => /^tostop/m.test(master.stdout), { what: 'the terminal stops those that write' });
    // The master takes the signal for a person's wish. The line that it logs about it stops the job.
    sendSignal(from, 'SIGTTIN');
    await expectStopped(master, /Stopped .*"\$@" < /);
    const { args } = await master.event('on spawn', { nth: 3 });
    expect(pids).not.toContain(args[0]);
    await master.event('serve', { where: ({ from }) => from === args[0] });
    await eventually(() => master.stdout.includes('SIGTTIN: one worker more'));
    expect(master.stdout).not.toContain('SIGTTOU: one worker less');
    await endShell(master);
  },
);

testInAShell(
  'N9d a background job that reads from its terminal is stopped as any job, and scales nothing',
  async () => {
    const master = startFleet({ options: { workers: 2 } }, { wrapper: inAShell });
    await master.call('type', '"$@" &\n');
    await master.event('onMasterReady');
    // No program reads the second line: the one in the foreground does not read.
    await master.call('type', 'sleep 1000\n:\n');
    await expectStopped(master, /Stopped .*"\$@"/);
    expect(master.stdout).not.toMatch(/SIGTT(IN|OU): one worker/);
    expect(master.events('on spawn')).toHaveLength(2);
    await endShell(master);
  },
);

testOnATerminal('N9e SIGTTIN and SIGTTOU from a person scale a fleet on a terminal, too', async () => {
  const { master } = await startReadyFleet({ options: { workers: 2 } }, { wrapper: inTerminal });
  const { from } = await master.event('onMasterReady');
  for (const [signal, workers] of [
    ['SIGTTIN', 3],
    ['SIGTTOU', 2],
    ['SIGTTIN', 3],
  ] as const) {
    sendSignal(from, signal);
    await eventually(() => processes().filter(({ ppid, state }) => ppid === from && state !== 'Z').length === workers);
  }
  await press(master, 'Ctrl-C');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
});
