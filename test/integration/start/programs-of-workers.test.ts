/** What a program inherits that a worker starts. */

import { expect } from 'vitest';
import { readyPort, startHosted } from '../../helpers/command.js';
import { httpGet, inPackage, type Master, openFds, startMaster, testWithProc } from '../../helpers/index.js';

const IMPORT = ['--import', inPackage('test/fixtures/lists-descriptors.cjs')];

/** What the worker has beside its standard streams: else nothing could be inherited. */
function expectMore(worker: number): void {
  expect([...openFds(worker).values()].filter((what) => what.startsWith('socket:')).length).toBeGreaterThan(1);
}

async function expectStandardStreams(master: Master, worker: number, when: string): Promise<void> {
  const where = (event: Readonly<Record<string, unknown>>) => event['when'] === when && event['from'] === worker;
  const { given } = await master.event('descriptors', { where });
  expect(given.map(({ fd }: { readonly fd: number }) => fd)).toEqual([0, 1, 2]);
}

for (const [what, options] of [
  ['shared', { workers: 2 }],
  ['sharded', { workers: 2, sharing: 'sharded' }],
  ['several listeners', { workers: 1, listen: ['127.0.0.1:0', { port: 0, name: 'web' }] }],
] as const) {
  testWithProc(
    `W18 a program that a worker starts has its standard streams and no other descriptor, whenever it is started (${what})`,
    async () => {
      const args = [
        JSON.stringify({ ...options, execArgv: IMPORT, env: { ...process.env, PREFORK_TEST_LISTS: 'import' } }),
      ];
      const master = startMaster('starts-programs', { args });
      const { addresses, pids } = await master.event('onMasterReady');
      for (const pid of pids) {
        expectMore(pid);
        for (const when of ['import', 'top level', 'serve']) await expectStandardStreams(master, pid, when);
      }
      await httpGet({ port: addresses[0].port });
      const { from } = await master.event('descriptors', { where: (event) => event['when'] === 'request' });
      await expectStandardStreams(master, from, 'request');
      master.kill('SIGTERM');
      expect(await master.gone()).toEqual({ code: 0, signal: null });
    },
  );
}

testWithProc(
  'W18 a program that starts ahead of one that the command runs has no other descriptor either',
  async () => {
    const env = { NODE_OPTIONS: IMPORT.join(' '), PREFORK_TEST_LISTS: 'import' };
    const master = startHosted({}, { env });
    await readyPort(master);
    const started = await Promise.all(
      [0, 1].map((slot) => master.logged(new RegExp(`worker ${slot} \\(pid \\d+, generation 0\\) spawned`))),
    );
    for (const line of started) {
      const pid = Number(/pid (\d+)/.exec(line)?.[1]);
      expectMore(pid);
      await expectStandardStreams(master, pid, 'import');
    }
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
);
