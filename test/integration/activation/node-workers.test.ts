import { expect } from 'vitest';
import type { ListenerAddress } from '../../../lib/types.js';
import {
  bounded,
  eventually,
  httpGet,
  inPackage,
  type Master,
  patience,
  sendSignal,
  startMaster,
  target,
  testOn,
} from '../../helpers/index.js';

const program = inPackage('test/fixtures/listens-as-told.mjs');

interface Said {
  readonly pid: number;
  readonly nth: number;
  readonly names: string;
  readonly marks: readonly string[];
  readonly args: readonly string[];
  readonly execArgv: readonly string[];
}

interface Strangers {
  readonly master: Master;
  readonly pids: readonly number[];
  readonly ports: readonly number[];
}

async function start(options: object): Promise<Strangers> {
  const master = startMaster('starts-strangers', { args: [JSON.stringify(options)] });
  const { pids, addresses } = await master.event('onMasterReady');
  return { master, pids, ports: (addresses as ListenerAddress[]).map(({ port }) => port as number) };
}

/** A client that connects before the worker listens waits in the queue. */
const ask = async (port: number | undefined): Promise<Said> => (await httpGet({ port: port ?? 0 })).json<Said>();

const here = testOn('descriptors');

const ways = {
  'a script': { exec: program, args: ['one', 'two'] },
  'node and its arguments': { exec: target.node, args: [program, 'one', 'two'] },
};
for (const [what, options] of Object.entries(ways)) {
  here(`F16g a Node program that understands LISTEN_FDS is a worker without a line of prefork: ${what}`, async () => {
    const listen = ['127.0.0.1:0', { host: '127.0.0.1', port: 0, name: 'second' }];
    const { master, pids, ports } = await start({ ...options, listen });
    for (const [nth, port] of ports.entries()) {
      const said = await ask(port);
      expect(said).toEqual({ pid: said.pid, nth, names: '0:second', marks: [], args: ['one', 'two'], execArgv: [] });
      expect(pids).toContain(said.pid);
    }
    sendSignal(pids[0] as number, 'SIGKILL');
    await master.logged(`took over from pid ${pids[0]}`);
    expect(master.workers()).toContain((await ask(ports[0])).pid);
    const before = master.workers();
    expect(await master.call('reload')).toMatchObject({ ok: true });
    await eventually(() => master.workers().every((pid) => !before.includes(pid)), { what: 'the old ones are gone' });
    expect(master.workers()).toContain((await ask(ports[0])).pid);
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  });
}

here('F16h behind a shell LISTEN_PID is the pid of the worker itself', async () => {
  const { master, pids, ports } = await start({ exec: program, shell: true, workers: 1 });
  expect(pids).not.toContain((await ask(ports[0])).pid);
  master.killGroup('SIGTERM');
  await master.gone();
});

here(
  'F16h a shell that exec and args put before the worker is named once, with the way out; one that is replaced is not',
  async () => {
    const command = `${target.node} ${program}`;
    const shell = { exec: '/bin/sh', workers: 2 };
    const stays = await start({ ...shell, args: ['-c', `${command} & wait`] });
    const line =
      /^prefork\[0\] master \d+: the option args has \/bin\/sh run ".*": .*LISTEN_PID .*; write 'exec' before .*$/gm;
    expect(stays.master.stderr.match(line)).toHaveLength(1);
    stays.master.killGroup('SIGTERM');
    await stays.master.gone();
    const replaced = await start({ ...shell, args: ['-c', `exec ${command}`] });
    expect(replaced.pids).toContain((await ask(replaced.ports[0])).pid);
    expect(replaced.master.stderr).not.toContain('the option args');
    replaced.master.kill('SIGTERM');
    await replaced.master.gone();
  },
);

here('F16i a Node program that does not know prefork ends with its master', async () => {
  const { master, ports } = await start({ exec: program });
  await ask(ports[0]);
  master.kill('SIGKILL');
  expect(await bounded(master.gone(), patience(10_000), 'the workers are gone')).toEqual({
    code: null,
    signal: 'SIGKILL',
  });
});
