import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { ListenerAddress } from '../../../lib/types.js';
import {
  connectRaw,
  eventually,
  httpGet,
  type Master,
  patience,
  startMaster,
  type Target,
  testOn,
} from '../../helpers/index.js';
import { expectNothingLost, startLoad } from '../../helpers/load.js';
import type { Ability } from '../../helpers/target.js';

const TWO = { listen: ['127.0.0.1:0', '127.0.0.1:0'] };
const FRESH = 40;

const rows: readonly { way: string; options?: object; needs?: readonly Ability[] }[] = [
  { way: 'hidden' },
  { way: 'hidden', options: { sharing: 'sharded' }, needs: ['sharding'] },
  { way: 'hidden', options: { sharing: 'reuseport' }, needs: ['sharding'] },
  { way: 'hidden', options: { listen: 'unix' }, needs: ['unixSockets'] },
  { way: 'given' },
  { way: 'copied', needs: ['descriptors'] },
  { way: 'wrapped' },
  { way: 'proxied' },
  { way: 'half', options: TWO },
  { way: 'late', options: TWO },
];

interface Hiding {
  readonly master: Master;
  readonly pids: readonly number[];
  readonly targets: readonly Target[];
}

async function start(way: string, options: { readonly listen?: unknown }): Promise<Hiding> {
  const where = options.listen === 'unix' ? { listen: `unix:${socketPath()}` } : {};
  const long = { drainTimeout: patience(30_000), shutdownGracePeriod: patience(30_000) };
  const master = startMaster('hides-servers', { args: [way, JSON.stringify({ ...long, ...options, ...where })] });
  const { pids, addresses } = await master.event('ready');
  return { master, pids, targets: (addresses as ListenerAddress[]).map(targetOf) };
}

function socketPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-hidden-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, 'sock');
}

function targetOf({ address, port }: ListenerAddress): Target {
  return port === undefined ? { socketPath: address } : { port };
}

/** Of the workers of the generation: what waits for a message to listen. */
async function listenLate({ master }: Hiding, first: number): Promise<void> {
  await master.call('broadcast', 'listen');
  await master.event('late', { nth: first + 1 });
}

for (const { way, options = {}, needs = [] } of rows) {
  const title = `${way}${options === TWO || Object.keys(options).length === 0 ? '' : ` ${JSON.stringify(options)}`}`;
  testOn(...needs)(
    `N6a after "reloaded" no new connection reaches an old worker, whichever code owns the server, and old workers are gone at once: ${title}`,
    async () => {
      const hiding = await start(way, options);
      const { master, pids, targets } = hiding;
      if (way === 'late') await listenLate(hiding, 1);
      expect(await master.call('reload')).toMatchObject({ ok: true, generation: 1 });
      // The old workers have no connections any more, so they have nothing to finish.
      for (let i = 0; i < pids.length; i++) await master.event('exit', { nth: i + 1, within: patience(15_000) });
      if (way === 'late') await listenLate(hiding, 3);
      for (const target of targets) {
        for (let i = 0; i < FRESH; i++) expect((await httpGet(target)).json().generation).toBe(1);
      }
      expect(master.stderr).not.toContain('was not done');
      master.kill('SIGTERM');
      expect(await master.gone()).toEqual({ code: 0, signal: null });
    },
    patience(120_000),
  );
}

for (const way of ['hidden', 'wrapped', 'given']) {
  test(`N6b a server that serve did not return answers what it has accepted when the fleet stops, and no worker waits for the deadline: ${way}`, async () => {
    const { master, targets } = await start(way, {});
    const port = targets[0]?.port ?? 0;
    const [used, silent] = [await connectRaw({ port }), await connectRaw({ port })];
    used.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await used.until('generation');
    const before = performance.now();
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
    expect(performance.now() - before).toBeLessThan(patience(10_000));
    for (const client of [used, silent]) await client.ended();
    expect(master.stderr).not.toContain('not done');
  });
}

test.each(['hidden', 'given'])(
  'N6c clients of a server that serve did not return lose nothing in reloads: %s',
  async (way) => {
    const { master, targets } = await start(way, {});
    const port = targets[0]?.port ?? 0;
    const loads = (['keep-alive', 'per-request'] as const).map((mode) => startLoad({ port, mode, concurrency: 4 }));
    for (let generation = 1; generation <= 3; generation++) {
      await Promise.all(loads.map((load) => load.answered(50)));
      expect(await master.call('reload')).toMatchObject({ ok: true, generation });
    }
    await Promise.all(loads.map((load) => load.answered(50)));
    await eventually(() => master.workers().length === 2, { within: patience(10_000), what: 'old workers are gone' });
    for (const load of loads) expectNothingLost(await load.stop());
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
  patience(180_000),
);

test.each([
  ['given', http],
  ['decrypted', https],
] as const)(
  'N6d a connection that its acceptor gave to an http server which listens nowhere moves with its next answer in a reload: %s',
  async (way, { Agent, get }) => {
    const { master, pids, targets } = await start(way, {});
    const { port } = targets[0] as { port: number };
    const agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
    onTestFinished(() => agent.destroy());
    const ask = async (): Promise<IncomingHttpHeaders> => {
      const [response] = (await once(get({ host: '127.0.0.1', port, agent }), 'response')) as [IncomingMessage];
      await once(response.resume(), 'end');
      return response.headers;
    };
    expect(await ask()).toMatchObject({ connection: 'keep-alive' });
    expect(await master.call('reload')).toMatchObject({ ok: true, generation: 1 });
    expect(await ask()).toMatchObject({ connection: 'close' });
    for (let i = 0; i < pids.length; i++) await master.event('exit', { nth: i + 1, within: patience(15_000) });
    expect(await ask()).toMatchObject({ connection: 'keep-alive' });
    expect(master.stderr).not.toContain('was not done');
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
);
