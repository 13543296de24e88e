import { expect, test } from 'vitest';
import type { ListenerAddress } from '../../../lib/types.js';
import { httpGet, type Master, startMaster, testOn, tlsMaterial } from '../../helpers/index.js';
import type { Ability } from '../../helpers/target.js';

const { cert: ca } = tlsMaterial();
const TWO = { listen: ['127.0.0.1:0', '127.0.0.1:0'] };

function start(way: string, options: object = {}): Master {
  return startMaster('serves-its-way', { args: [way, JSON.stringify({ tls: true, ...options })] });
}

async function portsOf(master: Master): Promise<number[]> {
  const { addresses } = await master.event('onMasterReady');
  return (addresses as ListenerAddress[]).map(({ port }) => port as number);
}

async function stops(master: Master): Promise<void> {
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
}

const cleartext: readonly [string, object?, Ability?][] = [
  ['http'],
  ['http', TWO],
  ['http', { sharing: 'sharded' }, 'sharding'],
  ['http2'],
  ['net'],
  ['ready-made'],
  ['ready-made', TWO],
  ['http that reads tls'],
  ['without return'],
  ['no server'],
];
for (const [way, options = {}, need] of cleartext) {
  testOn(...(need ? [need] : []))(
    `F16a with tls a worker that would answer in cleartext fails its boot: ${way} ${JSON.stringify(options)}`,
    async () => {
      const master = start(way, options);
      const { error } = await master.event('settled');
      expect(error).toMatchObject({ code: 'ERR_PREFORK_BOOT_FAILED', cause: { code: 'ERR_PREFORK_INVALID_OPTION' } });
      expect(error.cause.message).toMatch(
        /^Option 'tls' must be used by .*https\.createServer\(worker\.tls, …\).* on 127\.0\.0\.1:\d+/,
      );
      expect(master.events('onMasterReady')).toEqual([]);
      expect(await master.gone()).toEqual({ code: 1, signal: null });
    },
  );
}

const UNSAID = 'is served without TLS';

test.each(['https', 'hidden https', 'without return, https', 'net that wraps'])(
  'F16b with tls a worker serves whichever server speaks it: %s',
  async (way) => {
    const master = start(way);
    const [port = 0] = await portsOf(master);
    expect((await httpGet({ port, ca })).status).toBe(200);
    await stops(master);
    expect(master.stderr).not.toContain(UNSAID);
  },
);

test('F16b with tls one of two listeners may be without it, and the log of one worker names that one', async () => {
  const master = start('http beside https', TWO);
  const [plain = 0, secure = 0] = await portsOf(master);
  expect((await httpGet({ port: plain })).status).toBe(200);
  expect((await httpGet({ port: secure, ca })).status).toBe(200);
  await stops(master);
  const lines = master.stderr.split('\n').filter((line) => line.includes(UNSAID));
  expect(lines).toEqual([
    expect.stringMatching(new RegExp(`worker 0 \\(.*\\): listener '0' \\(127\\.0\\.0\\.1:${plain}\\) ${UNSAID}$`)),
  ]);
});

test('a plain fleet gets no line about TLS', async () => {
  const master = start('http', { tls: false });
  await portsOf(master);
  await stops(master);
  expect(master.stderr).not.toContain(UNSAID);
});
