/** The option `admin` on Windows, where the door is a named pipe. door.test.ts has unix sockets. */

import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { newDoor, prefork, rawClient } from '../../helpers/admin.js';
import { startFleet, startReadyFleet, target, testWhen, untilDead } from '../../helpers/index.js';

const OTHER = `cannot exist on ${target.platform}: the door is a unix socket`;
const test = testWhen(target.platform === 'win32', OTHER);
const testOfItsOwn = testWhen(target.platform === 'win32', OTHER, 'exclusivePipes');

test('R5o with admin: true a fleet is found by its name, whatever its case, until it has stopped', async () => {
  const name = `Pipe test/${randomUUID()}`;
  const { master } = await startReadyFleet({ options: { admin: true, name } });
  expect(master.stderr).toContain(`the admin door is \\\\.\\pipe\\prefork-${encodeURIComponent(name)}`);
  for (const named of [name, name.toUpperCase()]) {
    const { code, stdout } = await prefork(['status', '--name', named]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining(`master pid ${master.pid}`) });
  }
  expect(await prefork(['stop', '--name', name])).toEqual({ code: 0, stdout: 'stopped\n', stderr: '' });
  expect((await master.gone()).code).toBe(0);
  const { code, stdout } = await prefork(['status', '--json', '--name', name]);
  expect({ code, answer: JSON.parse(stdout) }).toMatchObject({
    code: 3,
    answer: { error: { code: 'ERR_PREFORK_NO_MASTER', message: expect.stringContaining(`no fleet '${name}'`) } },
  });
});

test('R5o a path that is no pipe keeps the fleet from starting, and the command from opening it', async () => {
  const file = 'C:\\windows\\win.ini';
  const master = startFleet({ options: { admin: file } });
  const { error } = await master.event('settled');
  expect(error).toMatchObject({ code: 'ERR_PREFORK_INVALID_OPTION', option: 'admin' });
  expect(error.message).toMatch(/the name of a pipe: \\\\\.\\pipe\\app/);
  expect(master.events('on spawn')).toEqual([]);
  expect((await master.gone()).code).toBe(1);
  expect(await prefork(['status', `--admin=${file}`])).toEqual({
    code: 3,
    stdout: '',
    stderr: `prefork: ${file} is no admin door: on Windows that is a named pipe, such as \\\\.\\pipe\\app\n`,
  });
});

test('R5o a master that was killed leaves no pipe, not even while its workers drain, and the next one takes the name', async () => {
  const admin = newDoor();
  const first = await startReadyFleet({ options: { admin } });
  const client = await rawClient(admin);
  await client.ask('status');
  first.master.kill('SIGKILL');
  await client.closed;
  const gone = await prefork(['status', `--admin=${admin}`]);
  expect(gone).toEqual({
    code: 3,
    stdout: '',
    stderr: `prefork: there is no admin door ${admin}: start the fleet with the option admin of prefork(): ${JSON.stringify(admin)}\n`,
  });
  const second = await startReadyFleet({ options: { admin } });
  expect((await prefork(['status', `--admin=${admin}`])).stdout).toContain(`master pid ${second.master.pid}`);
  for (const pid of first.pids) await untilDead(pid, { within: 10_000 });
  await second.master.call('stop');
});

test('R5o the pipe is there before the first worker, and gone when the fleet has failed', async () => {
  const admin = newDoor();
  const master = startFleet({ options: { admin, workers: 1 }, boot: 'never settle' });
  await master.event('serve');
  expect((await prefork(['status', `--admin=${admin}`])).stdout).toMatch(/^fleet 0: starting, /);
  expect(await prefork(['stop', '--grace', '0', `--admin=${admin}`])).toMatchObject({ code: 0, stdout: 'stopped\n' });
  expect((await master.gone()).code).toBe(0);
  const failing = startFleet({ options: { admin, workers: 1 }, boot: 'throw' });
  expect((await failing.gone()).code).toBe(1);
  expect((await prefork(['status', `--admin=${admin}`])).code).toBe(3);
});

testOfItsOwn('R5o a second master of that pipe is refused before it starts a worker', async () => {
  const admin = newDoor();
  const first = await startReadyFleet({ options: { admin } });
  const second = startFleet({ options: { admin } });
  const { error } = await second.event('settled');
  expect(error).toMatchObject({ code: 'EADDRINUSE', path: admin });
  expect(error.message).toMatch(/option 'admin': another process has this pipe/);
  expect(second.events('on spawn')).toEqual([]);
  expect((await second.gone()).code).toBe(1);
  await first.master.call('stop');
});
