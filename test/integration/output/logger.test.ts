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
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const [pid] = (await master.event('onMasterReady'))['pids'];
  const how = KILLED.signal === null ? { code: KILLED.code } : { signal: KILLED.signal };
  for (const [number, level, fields] of [
    [30, 'info', { event: 'ready', pid: master.pid }],
    [40, 'warn', { event: 'recover', pid: master.pid, slot: 0, reason: 'exit 1 of 5 allowed within 60000 ms' }],
    [50, 'error', { event: 'exit', pid, slot: 0, generation: 0, ...how }],
  ] as const) {
    expect(entries).toContainEqual(
      expect.objectContaining({
        level: number,
        app: 'fixture',
        fleet: '0',
        ...fields,
        msg: expect.stringMatching(lines[level]),
      }),
    );
  }
  expect(entries.filter((entry) => entry['event'] === undefined)).toEqual([]);
  expect(master.stderr).toBe('');
});

test('the lines of a worker carry its slot, pid and generation through a pino instance', async () => {
  const master = startMaster('logs-with', { args: ['pino'] });
  const [pid] = (await master.event('onMasterReady'))['pids'];
  master.kill('SIGKILL');
  await master.outputEnded;
  const entries = master.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(entries).toContainEqual(
    expect.objectContaining({
      ...{ level: 40, fleet: '0', event: 'orphan', slot: 0, pid, generation: 0 },
      msg: `prefork[0] worker 0 (pid ${pid}, generation 0): the master died; draining`,
    }),
  );
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
