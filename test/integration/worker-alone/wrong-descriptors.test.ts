import { expect, test } from 'vitest';
import { httpGet, isAlive, type Master, startMaster, startReadyFleet } from '../../helpers/index.js';

function producing(how: string, options: object = {}): Master {
  return startMaster('workers-by-producer', { args: [JSON.stringify({ how, options: { workers: 1, ...options } })] });
}

/** Waits until a worker has refused what it got; returns the reason, and proves that no process is left. */
async function refusal(master: Master): Promise<{ code: string; message: string }> {
  const { error } = await master.event('settled', { where: ({ child }) => child === false });
  expect(error, error.message).toMatchObject({ code: 'ERR_PREFORK_BOOT_FAILED' });
  expect(await master.gone()).toEqual({ code: 1, signal: null });
  expect(master.events('serve')).toEqual([]);
  for (const { pid } of master.events('on spawn')) expect(isAlive(pid)).toBe(false);
  return error.cause;
}

test.each(['file', 'pipe', 'UDP socket', 'listener of another address', 'connected socket'])(
  'W17 a %s in the place of the listener is ERR_PREFORK_INHERITED_LISTENER, and no worker serves on it',
  async (how) => {
    expect(await refusal(producing(how))).toMatchObject({
      code: 'ERR_PREFORK_INHERITED_LISTENER',
      message: expect.stringMatching(/^Descriptor 3 was promised to be the listener '0' on 127\.0\.0\.1:\d+ but is /),
    });
  },
);

test('W17 two listeners in the wrong order are refused: addresses are compared, not only kinds', async () => {
  const cause = await refusal(producing('with swapped listeners', { listen: ['127.0.0.1:0', '127.0.0.1:0'] }));
  expect(cause).toMatchObject({ code: 'ERR_PREFORK_INHERITED_LISTENER' });
});

test('W17 a worker without its control channel ends with ERR_PREFORK_INHERITED_LISTENER on stderr', async () => {
  const master = producing('without the control channel');
  const { error } = await master.event('settled', { where: ({ child }) => child === false });
  expect(error).toMatchObject({ code: 'ERR_PREFORK_BOOT_FAILED' });
  expect(await master.gone()).toEqual({ code: 1, signal: null });
  expect(master.stderr).toMatch(/ERR_PREFORK_INHERITED_LISTENER/);
  expect(master.stderr).toMatch(/has no control channel on descriptor 4; most likely a commandProducer did not pass/);
});

test('W17 the same fleet with the descriptors as promised serves', async () => {
  const master = producing('plain');
  const { pids, addresses } = await master.event('onMasterReady');
  expect((await httpGet({ port: addresses[0].port })).body).toBe(String(pids[0]));
});

test('W17 without the marker what a worker of another fleet had in its environment makes no worker of a master', async () => {
  const { master, port } = await startReadyFleet(
    {},
    { env: { PREFORK_SLOT: '7', PREFORK_CONTROL_FD: '0', LISTEN_FDS: '3' } },
  );
  expect((await httpGet({ port })).json().slot).toBeLessThan(2);
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
});
