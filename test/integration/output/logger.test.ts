import { expect, test } from 'vitest';
import { KILLED, type Master, sendSignal, startMaster } from '../../helpers/index.js';

/** A worker is killed and recovered, then the fleet is stopped: lines of every level. */
async function lifeWith(logger: string): Promise<{ master: Master; lines: Record<'info' | 'warn' | 'error', RegExp> }> {
  const master = startMaster('logs-with', { args: [logger] });
  const [pid] = (await master.event('onMasterReady'))['pids'];
  sendSignal(pid, 'SIGKILL');
  await master.event('onChildRecover');
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  const ended = KILLED.signal === null ? `exited with code ${KILLED.code}` : `was killed by ${KILLED.signal}`;
  const prefix = `prefork\\[0\\] master ${master.pid}: `;
  return {
    master,
    lines: {
      info: new RegExp(`^${prefix}1 worker is ready on 127\\.0\\.0\\.1:\\d+$`, 'm'),
      warn: new RegExp(`^${prefix}slot 0 is filled again at once: exit 1 of 5 allowed within 60000 ms$`, 'm'),
      error: new RegExp(`^${prefix}worker 0 \\(pid ${pid}, generation 0\\) ${ended} after \\d+ ms`, 'm'),
    },
  };
}

test('C25 the logger may be console', async () => {
  const { master, lines } = await lifeWith('console');
  expect(master.stdout).toMatch(lines.info);
  expect(master.stderr).toMatch(lines.warn);
  expect(master.stderr).toMatch(lines.error);
  expect(master.stderr).not.toMatch(lines.info);
});

test('C25 the logger may be a pino instance', async () => {
  const { master, lines } = await lifeWith('pino');
  const entries = master.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { level: number; app: string; msg: string });
  for (const [number, level] of [
    [30, 'info'],
    [40, 'warn'],
    [50, 'error'],
  ] as const) {
    expect(entries).toContainEqual(
      expect.objectContaining({ level: number, app: 'fixture', msg: expect.stringMatching(lines[level]) }),
    );
  }
  expect(master.stderr).toBe('');
});

test('C25 the logger may be false: not a word from master or worker', async () => {
  const { master } = await lifeWith('false');
  expect(master.stdout).toBe('');
  expect(master.stderr).toBe('');
});

test('C25 without a logger every line goes to stderr', async () => {
  const { master, lines } = await lifeWith('default');
  for (const line of Object.values(lines)) expect(master.stderr).toMatch(line);
  expect(master.stdout).toBe('');
});

test('C25 a logger that throws hurts neither master nor workers', async () => {
  const { master } = await lifeWith('throwing');
  expect(master.events('settled').map(({ child }) => child)).toEqual([true, false]);
  expect(master.stderr).toBe('');
});
