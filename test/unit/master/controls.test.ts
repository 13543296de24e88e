import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { deferred } from '../../../lib/common/deferred.js';
import type { Controlled } from '../../../lib/master/admin/requests.js';
import { Controls } from '../../../lib/master/controls.js';
import type { Door } from '../../../lib/system/system.js';
import { fleet } from '../../helpers/fake-fleet.js';
import { FakeSystem, settle } from '../../helpers/fake-system.js';

test('SIGHUP stops a master with a controlling terminal and does not stop one without', async () => {
  const daemon = fleet();
  await daemon.started;
  daemon.system.signal('SIGHUP');
  await daemon.system.advance(10_000);
  expect(daemon.master.status().state).toBe('running');
  await daemon.master.stop();

  const terminal = new FakeSystem();
  terminal.terminal = true;
  const interactive = fleet({}, terminal);
  await interactive.started;
  terminal.signal('SIGHUP');
  await terminal.advance(200);
  expect(await interactive.finished).toBeUndefined();
});

test('any signals to stop within 200 ms of the first are one wish, a later one stops at once', async () => {
  const system = new FakeSystem();
  system.behave = () => ({ obedient: false });
  const { started, finished, log } = fleet({ workers: 1 }, system);
  await started;
  system.signal('SIGTERM');
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGINT'] as const) {
    await system.advance(60);
    system.signal(signal);
  }
  await settle();
  expect(system.workers[0]?.signals).toEqual([]);
  expect(log.filter((line) => line.includes('stopping at once'))).toEqual([]);
  await system.advance(20);
  system.signal('SIGINT');
  await settle();
  expect(system.workers[0]?.signals).toEqual(['SIGKILL']);
  expect(await finished).toBeUndefined();
});

test('a stop that is over before the echo of its signal may have come keeps the handlers, and settles after that', async () => {
  const { system, started, finished } = fleet();
  await started;
  system.signal('SIGTERM');
  await system.advance(199);
  expect(system.closedListeners).toBe(1);
  expect(system.handlers.get('SIGTERM')?.size).toBe(1);
  await system.advance(1);
  expect(await finished).toBeUndefined();
  expect(system.handlers.get('SIGTERM')?.size).toBe(0);
});

test('an admin door that is open only when the fleet is over is closed at once', async () => {
  const opening = deferred();
  const did: string[] = [];
  const door = { path: '/nowhere/door', server: new EventEmitter(), close: () => did.push('closed') };
  const system = Object.assign(new FakeSystem(), {
    openDoor: async () => {
      await opening.promise;
      return door as unknown as Door;
    },
  });
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const controls = new Controls({ name: 'web', admin: true }, system, log);
  const opened = controls.openDoor({ status: () => ({ pid: system.pid }) } as unknown as Controlled);
  await settle();
  controls.over(undefined);
  expect(did).toEqual([]);
  opening.resolve();
  expect(await opened).toBe(false);
  expect(did).toEqual(['closed']);
});
