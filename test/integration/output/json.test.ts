import { expect, test } from 'vitest';
import { COMMAND } from '../../helpers/command.js';
import { fleetEvents } from '../../helpers/fleet-events.js';
import {
  eventually,
  httpGet,
  inPackage,
  KILLED,
  type Master,
  sendSignal,
  startFleet,
  startMaster,
  startProgram,
  target,
  testOn,
} from '../../helpers/index.js';

const linesOf = (text: string): string[] => text.trimEnd().split('\n');

async function portOf(master: Master): Promise<number> {
  return Number(/:(\d+)"/.exec(await master.logged(/"addresses":"127\.0\.0\.1:\d+"/))?.[1]);
}

test('R1a with logFormat json every line of a whole life is a FleetEvent, and fleet.on(log) gives the same', async () => {
  const master = startFleet({ options: { workers: 2, logFormat: 'json' }, hearsLog: true });
  const [pid] = (await master.event('onMasterReady'))['pids'];
  sendSignal(pid, 'SIGKILL');
  await master.event('onChildRecover');
  await master.call('reload');
  await master.call('scale', 3);
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  const events = fleetEvents(linesOf(master.stderr));
  const heard = master.events('on log').map(({ args }) => args[0]);
  const own = ({ event, level, msg, pid: about }: { event: string; level: string; msg: string; pid: number }) =>
    `${level} ${event} ${about} ${msg}`;
  expect(events.filter(({ role }) => role === 'master').map(own)).toEqual(heard.map(own));
  expect(events).toContainEqual(
    expect.objectContaining({
      ...{ level: 'error', event: 'exit', role: 'master', fleet: '0', pid, slot: 0, generation: 0, requested: false },
      ...(KILLED.signal === null ? { code: KILLED.code } : { signal: KILLED.signal }),
    }),
  );
  expect(events).toContainEqual(expect.objectContaining({ event: 'recover', slot: 0, oldPid: pid }));
  expect(events).toContainEqual(expect.objectContaining({ event: 'reload', generation: 1, ok: true }));
  expect(events).toContainEqual(expect.objectContaining({ event: 'scale', workers: 3 }));
  expect(events.filter(({ event }) => event === 'exit').length).toBe(6);
});

/** The master dies, and its worker logs that. */
async function expectLinesOfWorkers(master: Master): Promise<void> {
  master.kill('SIGKILL');
  await master.outputEnded;
  const ofWorkers = fleetEvents(linesOf(master.stderr)).filter(({ role }) => role === 'worker');
  expect(ofWorkers).toEqual([
    expect.objectContaining({
      event: 'orphan',
      level: 'warn',
      slot: 0,
      generation: 0,
      msg: 'the master died; draining',
    }),
  ]);
  expect(ofWorkers[0]?.pid).not.toBe(master.pid);
}

test('R1b the lines of the package in a worker of a program are FleetEvents as well', async () => {
  const program = startFleet({ options: { workers: 1, logFormat: 'json' } });
  await program.event('onMasterReady');
  await expectLinesOfWorkers(program);
});

testOn('signals')(
  'R1b the lines of the package in a program that the command runs are FleetEvents as well',
  async () => {
    const hosted = startProgram(target.node, {
      args: [COMMAND, '--workers', '1', '--log-format', 'json', inPackage('test/fixtures/writes-lines.mjs')],
    });
    await portOf(hosted);
    await expectLinesOfWorkers(hosted);
  },
);

test('R1c with stdio pipe the whole output is lines of JSON: an object of the program stays as it is, other text becomes an event, to the last words of a worker that dies', async () => {
  const master = startMaster('writes-lines', {
    args: [JSON.stringify({ workers: 1, logFormat: 'json', stdio: 'pipe', recoverThreshold: 5 })],
  });
  const port = await portOf(master);
  const pino = '{"level":30,"time":1,"msg":"a \\"line\\" of pino"}';
  const ask = async (query: Record<string, string>): Promise<void> => {
    await httpGet({ port, path: `/?${new URLSearchParams(query)}` }).catch(() => {});
  };
  await ask({ text: pino });
  await ask({ text: pino, to: '2' });
  await ask({ text: 'plain' });
  await ask({ throws: '1' });
  await master.logged(/"event":"recover".*"oldPid"/);
  await ask({ text: 'last words', open: '1', dies: '1', to: '2' });
  await master.logged(/"event":"recover".*"oldPid"[\s\S]*"event":"recover".*"oldPid"/);
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  const stdout = linesOf(master.stdout);
  expect(stdout[0]).toBe(pino);
  expect(fleetEvents(stdout.slice(1)).map(({ event, stream, level, msg }) => [event, stream, level, msg])).toEqual([
    ['output', 'stdout', 'info', 'plain'],
    ['output', 'stdout', 'info', 'xxxxxxxxxx'],
  ]);
  const stderr = linesOf(master.stderr);
  expect(stderr).toContain(pino);
  const events = fleetEvents(stderr.filter((line) => line !== pino));
  expect(events).toContainEqual(
    expect.objectContaining({
      event: 'output',
      stream: 'stderr',
      level: 'warn',
      role: 'worker',
      msg: 'Error: thrown by a request',
    }),
  );
  expect(events).toContainEqual(expect.objectContaining({ event: 'output', msg: 'last words', slot: 0 }));
});

test('R1d text stays the default, and a line of JSON is whole when the master and many workers log into one pipe', async () => {
  const text = startFleet({ options: { workers: 1 } });
  await text.event('onMasterReady');
  expect(text.stderr).toMatch(/^prefork\[0\] master \d+: worker 0 /);
  // A worker whose grace is over says so in text, by a thread that knows nothing of the format: on a busy machine 500 ms are over soon.
  const master = startFleet({ options: { workers: 12, logFormat: 'json', shutdownGracePeriod: 20_000 } });
  const { addresses } = await master.event('onMasterReady');
  const port = addresses[0].port as number;
  await Promise.all(Array.from({ length: 24 }, () => httpGet({ port })));
  master.kill('SIGKILL');
  await master.outputEnded;
  const events = fleetEvents(linesOf(master.stderr));
  await eventually(() => events.filter(({ event }) => event === 'orphan').length === 12);
});
