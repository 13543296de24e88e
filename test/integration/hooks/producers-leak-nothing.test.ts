import { expect, test } from 'vitest';
import { isAlive, processInfo, startMaster } from '../../helpers/index.js';

const fleet = (how: string, options = {}) =>
  startMaster('workers-by-producer', { args: [JSON.stringify({ how, options })] });

test.each([
  ['start and throw', 'ERR_PREFORK_COMMAND_PRODUCER'],
  ['start, wait and reject', 'ERR_PREFORK_COMMAND_PRODUCER'],
  ['start and return nothing', 'ERR_PREFORK_COMMAND_PRODUCER_NIL'],
])(
  'W10 before the fleet settles the master ends and reaps what a commandProducer leaves when it does "%s"',
  async (how, code) => {
    const master = fleet(how);
    const { error } = await master.event('settled');
    const started = master.events('started').map(({ pid }) => pid as number);
    expect(error).toMatchObject({ code });
    expect(started.length).toBeGreaterThan(0);
    for (const pid of started) expect(processInfo(pid)).toBe(undefined);
    expect(await master.gone()).toEqual({ code: 1, signal: null });
  },
);

test('W10 a stop does not wait longer than the grace period for a commandProducer that never settles', async () => {
  const master = fleet('never settle', { shutdownGracePeriod: 300 });
  await master.event('producing', { nth: 2 });
  // The producer keeps a timer: the fleet is over, but its program goes on until the test ends it.
  await master.call('stop');
  expect(await master.event('settled')).toMatchObject({ ok: true });
});

test('W10 a worker behind a shell is stopped with it', async () => {
  const master = fleet('behind a shell');
  await master.event('onMasterReady');
  const workers = master.events('serve').map(({ pid }) => pid as number);
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  for (const pid of workers) expect(isAlive(pid)).toBe(false);
});
