import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import {
  environmentOf,
  eventually,
  httpGet,
  patience,
  sendSignal,
  startMaster,
  tlsMaterial,
  withDescriptors,
} from '../../helpers/index.js';
import { asManaged, managed, startManaged, withManager } from '../../helpers/service-manager.js';

for (const [what, abstract] of [
  ['a path', false],
  ['an abstract name', true],
] as const) {
  withManager(`S1a the service manager at ${what} gets READY=1 with the pid once every worker serves`, async () => {
    const { manager, pid, notice, notices } = startManaged({ options: { workers: 2 } }, { abstract });
    const ready = await notice('READY=1');
    const [announced] = manager.events('onMasterReady');
    expect(announced?.at).toBeLessThan(ready.at);
    expect(ready).toMatchObject({ sender: pid(), fields: { MAINPID: String(pid()) } });
    expect(ready.fields['STATUS']).toMatch(/^serving on 127\.0\.0\.1:\d+: 2 workers ready$/);
    // In words from the beginning, and with the time that the workers may take to boot.
    const [first] = notices();
    expect(first?.fields['STATUS']).toBe('starting: 0 of 2 workers ready');
    expect(Number(first?.fields['EXTEND_TIMEOUT_USEC'])).toBeGreaterThan(30_000_000);
    // Again once they are started, because that may have taken as long.
    expect(notices().filter(({ fields }) => Object.keys(fields).join() === 'EXTEND_TIMEOUT_USEC')).not.toEqual([]);
    manager.kill('SIGTERM');
    expect(await manager.gone()).toEqual({ code: 0, signal: null });
    expect(notices().filter(({ fields }) => fields['READY'] !== undefined)).toHaveLength(1);
  });
}

withManager('S1b a reload by SIGHUP is RELOADING=1 at its time, then READY=1 again', async () => {
  const { manager, notice } = startManaged({ options: { workers: 1, readyFor: 0 } });
  await notice('READY=1');
  const asked = process.hrtime.bigint() / 1_000n;
  manager.kill('SIGHUP');
  const reloading = await notice('RELOADING=1');
  const when = BigInt(reloading.fields['MONOTONIC_USEC'] as string);
  expect(when >= asked && when <= process.hrtime.bigint() / 1_000n).toBe(true);
  expect(reloading.fields['STATUS']).toBe('reloading to generation 1: 1 worker ready');
  expect(Number(reloading.fields['EXTEND_TIMEOUT_USEC'])).toBeGreaterThan(30_000_000);
  const again = await notice('READY=1', 2);
  expect(again.at).toBeGreaterThan(reloading.at);
  expect(again.fields['STATUS']).toMatch(/^serving on \S+: 1 worker ready$/);
  manager.kill('SIGTERM');
  await manager.gone();
});

withManager('S1b a reload that fails is READY=1 again, and STATUS= says why', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-notify-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const { key, cert } = tlsMaterial();
  writeFileSync(keyFile, key);
  writeFileSync(certFile, cert);
  const { manager, notice } = startManaged({ serve: 'https', options: { workers: 1, tls: { keyFile, certFile } } });
  await notice('READY=1');
  rmSync(keyFile);
  manager.kill('SIGHUP');
  await notice('RELOADING=1');
  const again = await notice('READY=1', 2);
  expect(again.fields['STATUS']).toMatch(/^serving on \S+: 1 worker ready; the last reload failed: .*key\.pem/);
  manager.kill('SIGTERM');
  expect(await manager.gone()).toEqual({ code: 0, signal: null });
});

withManager(
  'S1c a stop is STOPPING=1 with the time that the drain may take, while a worker finishes its request',
  async () => {
    const { manager, notice } = startManaged({ options: { workers: 1, shutdownGracePeriod: 20_000 } });
    await notice('READY=1');
    const [{ addresses }] = manager.events('onMasterReady') as unknown as [{ addresses: [{ port: number }] }];
    const answer = httpGet({ port: addresses[0].port, path: '/slow?ms=3000' });
    await manager.event('request');
    manager.kill('SIGTERM');
    const stopping = await notice('STOPPING=1');
    expect(Number(stopping.fields['EXTEND_TIMEOUT_USEC'])).toBeGreaterThan(20_000_000);
    expect(manager.events('settled')).toEqual([]);
    expect((await answer).status).toBe(200);
    expect(await manager.gone()).toEqual({ code: 0, signal: null });
  },
);

withManager('S1c a stop that waits for drainDelay is STOPPING=1 at once, with the time of both', async () => {
  const options = { workers: 1, drainDelay: 60_000, shutdownGracePeriod: 20_000 };
  const { manager, notice } = startManaged({ options });
  await notice('READY=1');
  await manager.event('on ready');
  manager.kill('SIGTERM');
  const { fields } = await notice('STOPPING=1');
  expect(fields['STATUS']).toMatch(/^stopping soon, serving on \S+: 1 worker ready$/);
  expect(Number(fields['EXTEND_TIMEOUT_USEC'])).toBeGreaterThan(80_000_000);
  await manager.call('stop', { gracePeriod: 0 });
  expect(await manager.gone()).toEqual({ code: 0, signal: null });
});

withManager('S1c a start that finds its port taken is STOPPING=1 with ERRNO= and the reason', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void taken.close());
  const { port } = taken.address() as { port: number };
  const { manager, notice } = startManaged({ options: { listen: `127.0.0.1:${port}` } });
  const { fields } = await notice('STOPPING=1');
  expect(fields['ERRNO']).toBe('98');
  expect(fields['STATUS']).toMatch(/^stopping; because bind EADDRINUSE/);
  expect(await manager.gone()).toEqual({ code: 1, signal: null });
});

withManager('S1d no worker has the variables of the service manager, and the master keeps them', async () => {
  const { manager, pid, notice } = startManaged(
    { options: { workers: 1 } },
    { watchdog: 60_000_000 },
    { env: { FDSTORE: '64' } },
  );
  await notice('READY=1');
  const [{ pids }] = manager.events('onMasterReady') as unknown as [{ pids: [number] }];
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID', 'FDSTORE']) {
    expect(environmentOf(pid()).has(name)).toBe(true);
    expect(environmentOf(pids[0]).has(name)).toBe(false);
  }
  manager.kill('SIGTERM');
  await manager.gone();
});

withManager(
  'S1e WATCHDOG=1 comes while half of the workers turn their loop, not while fewer do, and then again',
  async () => {
    const { manager, notice, notices } = startManaged({ options: { workers: 2 } }, { watchdog: 900_000 });
    await notice('READY=1');
    const [{ pids }] = manager.events('onMasterReady') as unknown as [{ pids: [number, number] }];
    const beats = () => notices().filter(({ fields }) => fields['WATCHDOG'] === '1').length;
    const one = await eventually(beats);
    sendSignal(pids[0], 'SIGSTOP');
    await eventually(() => beats() >= one + 4, { what: 'the watchdog is fed by the other worker' });
    sendSignal(pids[1], 'SIGSTOP');
    await manager.logged('0 of 2 workers turn their event loop');
    const last = (): number =>
      notices()
        .filter(({ fields }) => fields['WATCHDOG'] === '1')
        .at(-1)?.at ?? 0;
    await eventually(() => Number(process.hrtime.bigint()) / 1e6 - last() > 1_500, { what: 'the manager would act' });
    const none = beats();
    for (const pid of pids) sendSignal(pid, 'SIGCONT');
    await eventually(() => beats() > none + 1, { what: 'the watchdog is fed again' });
    manager.kill('SIGTERM');
    expect(await manager.gone()).toEqual({ code: 0, signal: null });
  },
);

withManager('S1e without WATCHDOG_USEC no worker is asked, and no WATCHDOG=1 is sent', async () => {
  const { manager, notice, notices } = startManaged({ options: { workers: 1 } });
  await notice('READY=1');
  // A timer of the start may be about to end.
  await eventually(async () => !(await manager.call('openTimers')).includes('Timeout'), { what: 'no timer is left' });
  manager.kill('SIGTERM');
  await manager.gone();
  expect(notices().some(({ fields }) => 'WATCHDOG' in fields)).toBe(false);
});

withManager('S1f a manager that does not read delays nothing, and reads everything in order later', async () => {
  const { manager, notice, notices } = startManaged({ options: { workers: 1, readyFor: 0 } }, { deaf: true });
  const { addresses } = await manager.event('onMasterReady');
  // The queue of a datagram socket takes ten messages or so.
  for (let i = 0; i < 6; i++) expect(await manager.call('reload')).toMatchObject({ ok: true });
  expect((await httpGet({ port: addresses[0].port })).status).toBe(200);
  expect(notices()).toEqual([]);
  manager.kill('SIGUSR1');
  await notice('READY=1', 7);
  const turns = notices().flatMap(({ fields }) => ['READY', 'RELOADING'].filter((name) => name in fields));
  expect(turns).toEqual(['READY', ...Array.from({ length: 6 }, () => ['RELOADING', 'READY']).flat()]);
  manager.kill('SIGTERM');
  expect(await manager.gone()).toEqual({ code: 0, signal: null });
});

withManager(
  'S1e, S1f a master without descriptors is heard all the same: its reloads end, and WATCHDOG=1 comes',
  async () => {
    const wrapper = [...managed({ watchdog: 1_500_000 }), ...withDescriptors(200)];
    const { manager, notice, notices } = asManaged(
      startMaster('short-of-descriptors', { args: [JSON.stringify({ readyTimeout: 10_000 })], wrapper }),
    );
    await notice('READY=1');
    await manager.call('take', 0);
    expect(await manager.call('tryToReload')).toBe(false);
    await notice('READY=1', 2);
    const turns = notices().flatMap(({ fields }) => ['READY', 'RELOADING'].filter((name) => name in fields));
    expect(turns).toEqual(['READY', 'RELOADING', 'READY']);
    const beats = notices().filter(({ fields }) => 'WATCHDOG' in fields).length;
    await notice('WATCHDOG=1', beats + 2);
    await manager.call('giveBack');
    expect(manager.stderr).not.toContain('cannot be notified');
    manager.kill('SIGTERM');
    expect(await manager.gone()).toEqual({ code: 0, signal: null });
  },
  patience(120_000),
);

for (const [what, address, message] of [
  ['where no process listens', '/nowhere/notify', /ENOENT.*logged once/],
  ['of a kind that is not supported', 'vsock:2:1234', /only \/path and @name are supported/],
] as const) {
  withManager(`S1f a NOTIFY_SOCKET ${what} is logged once, and the fleet serves`, async () => {
    const master = startMaster('fleet', { args: ['{}'], env: { NOTIFY_SOCKET: address } });
    const { addresses } = await master.event('onMasterReady');
    expect((await httpGet({ port: addresses[0].port })).status).toBe(200);
    expect(await master.call('reload')).toMatchObject({ ok: true });
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
    expect(master.stderr.match(/cannot be notified/g)).toHaveLength(1);
    expect(master.stderr).toMatch(message);
  });
}

withManager('S1g two fleets of one program are ready when both are, and stop when both do', async () => {
  const options = { first: { workers: 1 }, second: { workers: 1 }, boot: 'wait:300' };
  const { manager, notice, notices } = asManaged(
    startMaster('two-fleets', { args: [JSON.stringify(options)], wrapper: managed() }),
  );
  const ready = await notice('READY=1');
  expect(manager.events('onMasterReady')).toHaveLength(2);
  expect(ready.fields['STATUS']).toMatch(/^0: serving on \S+: 1 worker ready \| 1: serving on \S+: 1 worker ready$/);
  await manager.call('stop', 'first');
  expect(notices().some(({ fields }) => 'STOPPING' in fields)).toBe(false);
  await manager.call('stop', 'second');
  await notice('STOPPING=1');
  await manager.gone();
  expect(notices().filter(({ fields }) => 'READY' in fields)).toHaveLength(1);
});
