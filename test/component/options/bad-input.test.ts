/** prefork() reports what is wrong with the options to its caller, before any worker exists and with nothing left open. */

import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Prefork, prefork } from '../../../lib/index.js';
import type { PreforkOptions } from '../../../lib/types.js';
import { BAD_ADDRESSES, BAD_OPTIONS } from '../../helpers/bad-options.js';
import { children, openFds } from '../../helpers/processes.js';
import { testWhen } from '../../helpers/skip.js';
import { otherTlsMaterial, tlsMaterial } from '../../helpers/tls.js';
import { hasPrivilegedPorts, unprivileged } from '../../helpers/unprivileged.js';

const spawned: number[] = [];

function optionsOf(options: Readonly<Record<string, unknown>>): PreforkOptions {
  const onChildSpawn = (pid: number): void => void spawned.push(pid);
  return { serve() {}, listen: '127.0.0.1:0', workers: 1, logger: false, onChildSpawn, ...options } as PreforkOptions;
}

function open(): string[] {
  return [...openFds().values()].filter((target) => target.startsWith('socket:') || target.endsWith('.lock')).sort();
}

/** Rejects as `prefork()` does, after proving that nothing is left. */
async function refused(options: Readonly<Record<string, unknown>>): Promise<unknown> {
  const before = open();
  const error = await prefork(optionsOf(options)).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(spawned).toEqual([]);
  expect(children(process.pid)).toEqual([]);
  expect(open()).toEqual(before);
  return error;
}

test('C18 every malformed address is refused by the constructor, in the caller', () => {
  for (const listen of BAD_ADDRESSES) {
    expect(() => new Prefork(optionsOf({ listen })), listen).toThrow(
      expect.objectContaining({ code: 'ERR_PREFORK_INVALID_OPTION', option: 'listen' }),
    );
  }
  expect(children(process.pid)).toEqual([]);
});

test('every bad option is a rejection of prefork() with its code, before any spawn', async () => {
  for (const { what, options, option, error } of BAD_OPTIONS) {
    // `onChildSpawn` of the case wins over the probe.
    expect(await refused(options), what).toMatchObject({ name: error, code: 'ERR_PREFORK_INVALID_OPTION', option });
  }
});

test.each<[options: unknown, name: string, option: string, message: string]>([
  [null, 'TypeError', 'options', "Option 'options' must be an object with gracePeriod; got null"],
  [0, 'TypeError', 'options', "Option 'options' must be an object with gracePeriod; got 0"],
  [[], 'TypeError', 'options', "Option 'options' must be an object with gracePeriod; got an array of 0"],
  [{ grace: 0 }, 'TypeError', 'grace', "There is no option 'grace': did you mean 'gracePeriod'?; got 0"],
  [
    { graceperiod: 0 },
    'TypeError',
    'graceperiod',
    "There is no option 'graceperiod': did you mean 'gracePeriod'?; got 0",
  ],
  [{ force: true }, 'TypeError', 'force', "There is no option 'force': there is only gracePeriod; got true"],
  [{ gracePeriod: '5' }, 'TypeError', 'gracePeriod', "Option 'gracePeriod' must be a number from 0 to 2147483647"],
  [{ gracePeriod: -1 }, 'RangeError', 'gracePeriod', "Option 'gracePeriod' must be a number from 0 to 2147483647"],
])('stop(%j) is refused with its code, and the fleet goes on', async (options, name, option, message) => {
  const fleet = new Prefork(optionsOf({}));
  await expect(fleet.stop(options as { gracePeriod?: number })).rejects.toMatchObject({
    ...{ name, option, code: 'ERR_PREFORK_INVALID_OPTION' },
    message: expect.stringContaining(message) as string,
  });
  expect(fleet.status().state).toBe('starting');
  await fleet.stop({ gracePeriod: undefined });
  expect(fleet.status().state).toBe('stopped');
});

test('stop() is a handler of signals, which get the name of theirs', async () => {
  const fleet = new Prefork(optionsOf({}));
  const handler: (signal: NodeJS.Signals) => void = fleet.stop.bind(fleet) as () => Promise<void>;
  handler('SIGTERM');
  await fleet.finished;
  expect(fleet.status().state).toBe('stopped');
});

const { keyFile, certFile, key, cert } = tlsMaterial();
const other = otherTlsMaterial();

test.each([
  ['swapped files', { keyFile: certFile, certFile: keyFile }],
  ['a key of another certificate', { keyFile: other.keyFile, certFile }],
  ['a key from memory of another certificate', { key: other.key, cert }],
  ['a certificate that is no PEM', { key, cert: 'nonsense' }],
])('F2 %s fail in the master before any spawn', async (_what, tls) => {
  expect(await refused({ tls })).toMatchObject({ code: 'ERR_PREFORK_INVALID_OPTION' });
});

test('F2 a key file that does not exist fails in the master before any spawn', async () => {
  expect(await refused({ tls: { keyFile: '/nonexistent', certFile } })).toMatchObject({
    code: 'ENOENT',
    path: '/nonexistent',
  });
});

let holder: ReturnType<typeof createServer>;
beforeAll(async () => {
  holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
});
afterAll(async () => {
  holder.close();
  await once(holder, 'close');
});

test.each(['shared', 'reuseport'])('C3 a port that is taken is EADDRINUSE before any spawn (%s)', async (sharing) => {
  const { port } = holder.address() as AddressInfo;
  const error = await refused({ listen: ['127.0.0.1:0', `127.0.0.1:${port}`], sharing });
  expect(error).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind', address: '127.0.0.1', port });
});

test('C3 a folder that does not exist is ENOENT before any spawn', async () => {
  const path = '/nonexistent/app.sock';
  expect(await refused({ listen: ['127.0.0.1:0', `unix:${path}`] })).toMatchObject({ code: 'ENOENT', path });
});

test('C3 a host that does not resolve is an error of getaddrinfo before any spawn', async () => {
  expect(await refused({ listen: 'no-such-host.invalid:80' })).toMatchObject({
    syscall: 'getaddrinfo',
    hostname: 'no-such-host.invalid',
  });
});

testWhen(hasPrivilegedPorts, 'every port is free for all')('C3 a low port is EACCES before any spawn', async () => {
  const error = await unprivileged(() => refused({ listen: '127.0.0.1:1' }));
  expect(error).toMatchObject({ code: 'EACCES', address: '127.0.0.1', port: 1 });
});

test('F2 a key file without permission is EACCES before any spawn', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-bad-'));
  const secret = join(folder, 'key.pem');
  writeFileSync(secret, key, { mode: 0o000 });
  chmodSync(folder, 0o755);
  const error = await unprivileged(() => refused({ tls: { keyFile: secret, cert } }));
  expect(error).toMatchObject({
    code: 'EACCES',
    path: secret,
    message: expect.stringContaining('tls.keyFile') as string,
  });
  rmSync(folder, { recursive: true });
});
