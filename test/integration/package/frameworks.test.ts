import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { eachOn, eventually, httpGet, type Master, sendSignal, startMaster, tlsMaterial } from '../../helpers/index.js';

const ADAPTER_LINES = 50;

for (const framework of ['express', 'fastify', 'koa', 'hono']) {
  test(`F1 the adapter for ${framework} has at most ${ADAPTER_LINES} lines`, () => {
    const adapter = readFileSync(new URL(`../../../examples/adapters/${framework}.mjs`, import.meta.url), 'utf8');
    expect(adapter.trimEnd().split('\n').length).toBeLessThanOrEqual(ADAPTER_LINES);
    // A framework is worth an example only with an adapter that it uses.
    const example = readFileSync(new URL(`../../../examples/${framework}.mjs`, import.meta.url), 'utf8');
    expect(example).toContain(`from './adapters/${framework}.mjs'`);
  });

  test(`F1 ${framework} is served by workers, with a banner that the master prints once and no worker ever`, async () => {
    const banner = new RegExp(
      `^${framework}.* prefork shared on http://127\\.0\\.0\\.1:(\\d+)\\n  master (\\d+), workers (\\d+) (\\d+)$`,
      'im',
    );
    const master = startMaster(`../../examples/${framework}`, { env: { PORT: '0' } });
    const [, port, masterPid, ...pids] = await eventually(() => banner.exec(master.stdout), {
      within: 15_000,
      what: 'the banner is printed',
    });
    expect(Number(masterPid)).toBe(master.pid);
    expect(new Set(pids.map(Number))).toEqual(new Set(master.workers()));

    const ask = async (): Promise<{ framework: string; pid: number }> =>
      (await httpGet({ port: Number(port) })).json<{ framework: string; pid: number }>();
    for (let i = 0; i < 10; i++) {
      const answer = await ask();
      expect(answer.framework).toBe(framework);
      expect(pids.map(Number)).toContain(answer.pid);
    }

    // The worker that fills the slot again runs the same program, and prints nothing either.
    sendSignal(Number(pids[0]), 'SIGKILL');
    await master.logged(`took over from pid ${pids[0]}`);
    expect(master.workers()).toContain((await ask()).pid);

    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
    expect(master.stdout.match(/prefork/g)).toHaveLength(1);
    expect(master.members()).toEqual([]);
  });
}

test('F1 the onClose hooks of Fastify run in every worker when it has drained, and never in the master', async () => {
  const master = startMaster('../../examples/fastify', { env: { PORT: '0' } });
  const [, ...pids] = await eventually(() => /workers (\d+) (\d+)/.exec(master.stdout), { within: 15_000 });
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  const closed = [...master.stdout.matchAll(/^worker (\d+) closed/gm)].map(([, pid]) => pid);
  expect(closed.toSorted()).toEqual(pids.toSorted());
});

function startAdapted(framework: string, options: object, ofFastify: object = {}): Master {
  const where = { listen: '127.0.0.1:0', ...options };
  return startMaster('adapted', { args: [framework, JSON.stringify(where), JSON.stringify(ofFastify)] });
}

/** The address in the banner. */
async function banner(master: Master): Promise<string> {
  const found = () => /prefork shared on (\S+)$/m.exec(master.stdout)?.[1];
  return (await eventually(found, { within: 15_000, what: 'the banner is printed' })) as string;
}

async function stops(master: Master): Promise<void> {
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
}

for (const framework of ['express', 'koa', 'hono', 'fastify']) {
  test(`F16c with tls the adapter for ${framework} speaks it, and nothing else`, async () => {
    const master = startAdapted(framework, { tls: true }, { https: {} });
    const [, port] = /^https:\/\/127\.0\.0\.1:(\d+)$/.exec(await banner(master)) ?? [];
    const answer = await httpGet({ port: Number(port), ca: tlsMaterial().cert });
    expect(answer.json()).toEqual({ secure: true });
    await expect(httpGet({ port: Number(port) })).rejects.toThrow();
    await stops(master);
  });
}

test('F16c the adapter for Fastify refuses tls for an instance that was made without it', async () => {
  const master = startAdapted('fastify', { tls: true });
  expect(await master.gone()).toEqual({ code: 1, signal: null });
  expect(master.stderr).toContain('tls needs fastify({ https: {} })');
});

eachOn(['127.0.0.1:0', 'unix'], (listen) => (listen === 'unix' ? ['unixSockets'] : []))(
  'F16d the onListen hooks of Fastify run in every worker, with its addresses, and in no master: %s',
  async (listen) => {
    const folder = mkdtempSync(join(tmpdir(), 'prefork-fastify-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const socketPath = join(folder, 'sock');
    const master = startAdapted('fastify', { workers: 2, listen: listen === 'unix' ? `unix:${socketPath}` : listen });
    const shown = await banner(master);
    const port = Number(/\d+$/.exec(shown)?.[0]);
    const answer = await httpGet(listen === 'unix' ? { socketPath } : { port });
    expect(answer.json()).toEqual({ secure: false });
    const hooks = master.events('onListen');
    expect(hooks.map(({ pid }) => pid as number).toSorted()).toEqual(master.workers().toSorted());
    if (listen !== 'unix') {
      for (const { addresses } of hooks) expect(addresses).toEqual([{ address: '127.0.0.1', family: 'IPv4', port }]);
    }
    await stops(master);
  },
);
