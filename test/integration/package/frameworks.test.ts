import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { eventually, httpGet, sendSignal, startMaster } from '../../helpers/index.js';

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
