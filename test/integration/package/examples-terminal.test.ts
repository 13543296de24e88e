import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import {
  commandWorks,
  eventually,
  isAlive,
  type Master,
  startMaster,
  testWhen,
  untilDead,
} from '../../helpers/index.js';

const onATerminal = ['python3', fileURLToPath(new URL('../../fixtures/on-a-terminal.py', import.meta.url))];
const testOnATerminal = testWhen(
  commandWorks(...(onATerminal as [string]), 'true'),
  'needs python3 and a pty',
  'terminals',
);

interface Started {
  readonly terminal: Master;
  readonly master: number;
  readonly workers: readonly number[];
}

async function startOnATerminal(): Promise<Started> {
  const terminal = startMaster('../../examples/http', { env: { PORT: '0' }, wrapper: onATerminal });
  await eventually(() => terminal.stdout.includes('Ctrl-C here stops everything'), { within: 15_000 });
  const [, master] = /the master is pid (\d+)/.exec(terminal.stdout) ?? [];
  const workers = [...terminal.stdout.matchAll(/worker \d+ {2}pid (\d+)/g)].map(([, pid]) => Number(pid));
  return { terminal, master: Number(master), workers };
}

testOnATerminal(
  'W1 Ctrl-C on a terminal stops the http example once: drained, exit code 0, no worker recovered',
  async () => {
    const { terminal, workers } = await startOnATerminal();
    terminal.kill('SIGUSR1');
    expect(await terminal.gone()).toEqual({ code: 0, signal: null });
    expect(terminal.stdout).toContain('SIGINT: stopping; a second signal stops at once');
    expect(terminal.stdout).not.toMatch(/stopping at once|is filled again|was killed/);
    expect(terminal.stdout.match(/exited with code 0/g)).toHaveLength(workers.length);
  },
);

testOnATerminal(
  'W1, N9f a terminal that is closed ends the http example with exit code 0, and leaves no process behind',
  async () => {
    const { terminal, master, workers } = await startOnATerminal();
    terminal.kill('SIGUSR2');
    // Node before 24 would abort (128 + SIGABRT), because it cannot give the settings back to a terminal that is gone: nodejs/node#58200.
    expect(await terminal.gone()).toEqual({ code: 0, signal: null });
    for (const pid of [master, ...workers]) {
      await untilDead(pid);
      expect(isAlive(pid)).toBe(false);
    }
  },
);
