/** `prefork status`, `reload`, `scale` and `stop`: they wait, and say how it went. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { newDoor, prefork, rawClient } from '../../helpers/admin.js';
import { folderWith } from '../../helpers/folder.js';
import {
  eventually,
  httpGet,
  inPackage,
  isAlive,
  patience,
  sendSignal,
  startMaster,
  startReadyFleet,
  testOn,
  untilDead,
  urlThere,
  withDescriptors,
} from '../../helpers/index.js';
import { thereAs } from '../../helpers/target.js';

test('R5d status is a table for people, and JSON for programs', async () => {
  const admin = newDoor();
  const { master, pids, port } = await startReadyFleet({ options: { admin, name: 'web' } });
  const { code, stdout } = await prefork(['status', `--admin=${admin}`]);
  expect(code).toBe(0);
  const [head, address, empty, titles, ...workers] = stdout.trimEnd().split('\n');
  expect(head).toMatch(new RegExp(`^fleet web: running, generation 0, master pid ${master.pid}, up \\d+ s$`));
  expect(address).toMatch(new RegExp(`^on 127.0.0.1:${port}(, 0 of \\d+ connections wait)?$`));
  expect(empty).toBe('');
  expect(titles).toMatch(/^SLOT +PID +GEN +STATE +AGE/);
  expect(workers).toHaveLength(2);
  for (const [slot, line] of workers.entries())
    expect(line).toMatch(new RegExp(`^ +${slot} +${pids[slot]} +0 +ready +\\d+ s`));
  const json = JSON.parse((await prefork(['status', '--json', '--admin', admin])).stdout);
  expect(json).toMatchObject({ name: 'web', pid: master.pid, state: 'running', generation: 0 });
  expect(json.workers.map((worker: { pid: number }) => worker.pid)).toEqual(pids);
  expect(Date.parse(json.workers[0].startedAt)).toBeGreaterThan(Date.now() - 60_000);
  await master.call('stop');
});

test('R5d reload waits until every worker is replaced, and says so with code 0', async () => {
  const admin = newDoor();
  const { master, pids } = await startReadyFleet({ options: { admin, readyFor: 100 } });
  const { code, stdout, stderr } = await prefork(['reload', `--admin=${admin}`]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^reloaded in \d+\.\d s: generation 1, 2 workers replaced\n$/);
  const status = await master.call('status');
  for (const worker of status.workers.filter(({ state }: { state: string }) => state === 'ready'))
    expect(pids).not.toContain(worker.pid);
  const json = JSON.parse((await prefork(['reload', '--json', `--admin=${admin}`])).stdout);
  expect(json).toMatchObject({ ok: true, generation: 2, replaced: [{ slot: 0 }, { slot: 1 }] });
  await master.call('stop');
});

const GOOD = `import { createServer } from 'node:http';
import { prefork } from ${JSON.stringify(urlThere(inPackage('index.mjs')))};
await prefork({
  listen: '127.0.0.1:0',
  serve: (listener) => createServer((_request, response) => response.end('ok')).listen(listener),
});
`;

test('R5d a reload that fails is code 1, with the error of the boot, its stderr and the workers that stay', async () => {
  const folder = folderWith({ 'worker.mjs': GOOD });
  const admin = newDoor();
  const {
    master,
    port,
    pids: before,
  } = await startReadyFleet({
    options: { admin, exec: thereAs(join(folder, 'worker.mjs')) },
  });
  writeFileSync(join(folder, 'worker.mjs'), "console.error('config: no database');\nprocess.exit(7);\n");
  const { code, stdout, stderr } = await prefork(['reload', `--admin=${admin}`]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  const [first, wrote, said, serving, ...rest] = stderr.trimEnd().split('\n');
  expect(first).toMatch(
    /^prefork: reload failed: worker 0 \(pid \d+, generation 1\) exited with code 7 before it was ready$/,
  );
  expect(wrote).toMatch(/^stderr of worker 0 \(pid \d+\):$/);
  expect(said).toBe('  config: no database');
  expect(serving).toBe(`serving: ${before.map((pid, slot) => `worker ${slot} (pid ${pid}, generation 0)`).join(', ')}`);
  expect(rest).toEqual([]);
  expect((await httpGet({ port })).body).toBe('ok');
  const json = await prefork(['reload', '--json', `--admin=${admin}`]);
  expect(json.code).toBe(1);
  expect(JSON.parse(json.stdout)).toMatchObject({
    ok: false,
    generation: 0,
    error: { code: 'ERR_PREFORK_BOOT_FAILED', exits: [{ code: 7, stderr: expect.stringContaining('no database') }] },
    workers: before.map((pid, slot) => ({ slot, pid, generation: 0 })),
  });
  await master.call('stop');
  expect((await master.gone()).code).toBe(0);
});

test(
  'R5e scale waits for the new workers; a number that cannot be is refused by the command or the master',
  async () => {
    const admin = newDoor();
    const { master } = await startReadyFleet({ options: { admin, readyFor: 100 } });
    const scale = (...words: string[]) => prefork(['scale', `--admin=${admin}`, ...words]);
    expect(await scale('3')).toEqual({ code: 0, stdout: 'scaled from 2 to 3 workers\n', stderr: '' });
    expect(master.workers()).toHaveLength(3);
    expect((await scale('+1')).stdout).toBe('scaled from 3 to 4 workers\n');
    expect((await scale('-3')).stdout).toBe('scaled from 4 to 1 worker\n');
    expect((await scale('-3')).stdout).toBe('1 worker, as before\n');
    expect((await scale('--json', '2')).stdout).toBe('{"from":1,"to":2}\n');
    for (const [words, message] of [
      [[], 'needs the number of workers'],
      [['0'], "got '0'"],
      [['many'], "got 'many'"],
      [['2', '3'], "no argument '3'"],
    ] as const) {
      const { code, stderr } = await scale(...words);
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) });
    }
    expect(await scale('99999')).toMatchObject({ code: 1, stderr: expect.stringContaining('65535') });
    await eventually(() => master.workers().length === 2, { what: 'the workers taken away are gone' });
    await master.call('stop');
  },
  patience(120_000),
);

test('R5e stop waits for the end of the master, and of what its workers have accepted', async () => {
  const admin = newDoor();
  const { master, port } = await startReadyFleet({ options: { admin, workers: 1, shutdownGracePeriod: 20_000 } });
  const slow = httpGet({ port, path: '/slow?ms=8000' });
  await master.event('request');
  const stop = await prefork(['stop', `--admin=${admin}`]);
  // The kernel closes the connection when the process ends, and a moment later the process is gone.
  await untilDead(master.pid, { within: 3_000 });
  expect(stop).toEqual({ code: 0, stdout: 'stopped\n', stderr: '' });
  expect((await slow).status).toBe(200);
  expect((await master.gone()).code).toBe(0);
});

test('R5e two clients that ask for a stop both hear of its end, and one that comes later finds no master', async () => {
  const admin = newDoor();
  const { master, port } = await startReadyFleet({ options: { admin, shutdownGracePeriod: 20_000 } });
  const clients = await Promise.all([rawClient(admin), rawClient(admin)]);
  // The stop takes so long that both have asked by then.
  const slow = httpGet({ port, path: '/slow?ms=3000' });
  await master.event('request');
  const answers = await Promise.all(clients.map((client) => client.ask('stop')));
  for (const answer of answers) expect(answer).toMatchObject({ result: { stopped: true, pid: master.pid } });
  expect((await slow).status).toBe(200);
  expect((await master.gone()).code).toBe(0);
  await Promise.all(clients.map(({ closed }) => closed));
  expect(await prefork(['stop', `--admin=${admin}`])).toMatchObject({ code: 3, stdout: '' });
});

test('R5e a master that its program keeps alive has stopped its fleet: stop says that, and does not wait for ever', async () => {
  const admin = newDoor();
  const { master } = await startReadyFleet({ options: { admin }, hooks: { onChildExit: 'never settle' } });
  const stop = await prefork(['stop', `--admin=${admin}`]);
  expect(stop).toEqual({
    code: 0,
    stdout: `stopped; its process ${master.pid} goes on: the program keeps it alive\n`,
    stderr: '',
  });
  expect(isAlive(master.pid)).toBe(true);
});

test('R5e a client that asks during a stop for a reload hears why there is none', async () => {
  const admin = newDoor();
  const { master } = await startReadyFleet({ options: { admin }, serve: 'http' });
  const client = await rawClient(admin);
  await client.ask('status');
  client.send(
    `${JSON.stringify({ v: 1, id: 'a', method: 'stop' })}\n${JSON.stringify({ v: 1, id: 'b', method: 'reload' })}\n`,
  );
  const answers = await client.answered(3);
  expect(answers.slice(1).map((answer) => [answer.id, 'error' in answer ? answer.error.code : 'result'])).toEqual([
    ['b', 'ABORT_ERR'],
    ['a', 'result'],
  ]);
  expect((await master.gone()).code).toBe(0);
});

for (const words of [['reload'], ['scale', '2'], ['stop'], ['status']] as const) {
  const [verb] = words;
  test(`R5f a master that dies while ${verb} waits is one message, and code 3`, async () => {
    const admin = newDoor();
    // Nothing that is asked of it comes to an end.
    const options = { admin, workers: 1, readyFor: 60_000, shutdownGracePeriod: 60_000 };
    const { master, port } = await startReadyFleet({ options });
    const hangs = httpGet({ port, path: '/hang' }).catch(() => {});
    await master.event('request');
    if (verb === 'status') sendSignal(master.pid, 'SIGSTOP');
    const asked = prefork([...words, `--admin=${admin}`]);
    // The kernel has taken the request, or will find no listener: either is the end of the master.
    if (verb !== 'status') await master.logged(`admin door: ${verb}`);
    master.kill('SIGKILL');
    const { code, stdout, stderr } = await asked;
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    if (verb !== 'status') expect(stderr).toBe(`prefork: the master of ${admin} ended before it answered\n`);
    else
      expect(stderr).toMatch(
        /^prefork: (the master of .* (ended before it answered|is gone, and left its socket behind)\n$|there is no admin door \\\\)/,
      );
    await master.dispose();
    await hangs;
  });
}

testOn('posixProcesses')(
  'R5f a master without descriptors is not said to have ended: the message says what it lacks, and code 3',
  async () => {
    const admin = newDoor();
    const master = startMaster('short-of-descriptors', {
      wrapper: withDescriptors(200),
      args: [JSON.stringify({ admin })],
    });
    await master.event('onMasterReady');
    await master.call('take', 0);
    const { code, stderr } = await prefork(['status', `--admin=${admin}`]);
    expect(code).toBe(3);
    expect(stderr).toMatch(/^prefork: the master of .* has no descriptor for one more client \(.*ulimit -n\)/);
    await master.call('giveBack');
    expect((await prefork(['status', `--admin=${admin}`])).code).toBe(0);
    await master.call('stop');
  },
);

test('R5f a master whose event loop stands still is named after ten seconds, and code 3', async () => {
  const admin = newDoor();
  const { master } = await startReadyFleet({ options: { admin } });
  sendSignal(master.pid, 'SIGSTOP');
  const { code, stderr } = await prefork(['status', `--admin=${admin}`]);
  sendSignal(master.pid, 'SIGCONT');
  expect({ code, stderr }).toEqual({
    code: 3,
    stderr: `prefork: the master of ${admin} has not answered for 10 s: its event loop is blocked\n`,
  });
  await master.call('stop');
});
