import { expect, test } from 'vitest';
import { systemError } from '../../../../lib/common/system-error.js';
import { Binder } from '../../../../lib/master/addresses/binder.js';
import type { ListenPlan } from '../../../../lib/options/settings.js';
import type { WantedListener } from '../../../../lib/protocol/protocol.cjs';
import type { OpenListener } from '../../../../lib/system/open-listener.js';

function fixture({ given = [] as OpenListener[], uid = undefined as number | undefined } = {}) {
  const plans: ListenPlan[] = [];
  const log: string[] = [];
  const closed: string[] = [];
  const world = { failure: undefined as unknown, ending: false, opened: () => {} };
  const write = (line: string) => void log.push(line);
  const binder = new Binder(
    {
      settings: { sharing: 'shared', launch: { uid, gid: undefined } },
      system: {
        openListeners: async ([plan]) => {
          plans.push(plan as ListenPlan);
          if (world.failure !== undefined) throw world.failure;
          world.opened();
          return [listenerNamed((plan as ListenPlan).name, '::', 80, closed)];
        },
      },
      log: { info: write, warn: write, error: write },
      listeners: [],
      ending: () => world.ending,
    },
    given,
  );
  return { binder, plans, log, closed, world };
}

function listenerNamed(name: string, host: string, port: number, closed: string[] = []): OpenListener {
  const address = { name, family: host.includes(':') ? 'IPv6' : 'IPv4', address: host, port } as const;
  const wire = { ...address, boundAs: host, backlog: 1, ipv6Only: false };
  return { address, fd: 7, wire, close: () => void closed.push(name) };
}

function port(number: number, host?: string): WantedListener {
  return { kind: 'tcp', host, port: number, index: 0, ipv6Only: false };
}

function inUse(host: string, number: number): Error {
  return systemError('EADDRINUSE', { syscall: 'bind', address: host, port: number, hint: 'another process' });
}

test('an address that cannot be opened is logged once, and again when it could be opened meanwhile', async () => {
  const { binder, world, log } = fixture();
  const tries = async () => {
    for (const index of [0, 1]) await binder.bind(port(80), index).catch(() => {});
  };
  world.failure = inUse('::', 80);
  await expect(binder.bind(port(80), 0)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await tries();
  expect(log).toEqual([expect.stringContaining('the program cannot listen: bind EADDRINUSE')]);
  world.failure = undefined;
  await tries();
  world.failure = inUse('::', 80);
  await tries();
  expect(log).toHaveLength(2);
});

test('an address that a socket of before keeps from being bound is logged with both', async () => {
  const { binder, world, log } = fixture({ given: [listenerNamed('web', '0.0.0.0', 80)] });
  world.failure = inUse('127.0.0.1', 80);
  await expect(binder.bind(port(80, '127.0.0.1'), 1)).rejects.toBe(world.failure);
  expect(log.join()).toContain('127.0.0.1:80 is in use by 0.0.0.0:80, which was open before the program');
});

test('a unix socket belongs to the user of the workers, and a failure says that the master binds', async () => {
  const { binder, plans, world, log } = fixture({ uid: 33 });
  await binder.bind({ kind: 'unix', path: '/run/app.sock' }, 0);
  expect(plans).toMatchObject([{ kind: 'unix', path: '/run/app.sock', owner: 33 }]);
  world.failure = inUse('::', 80);
  await binder.bind(port(80), 1).catch(() => {});
  expect(log).toEqual([expect.stringContaining('the program cannot listen (the master binds, as its own user): ')]);
});

test('a fleet that ends opens nothing, and closes the socket that was being opened when it began to end', async () => {
  const { binder, plans, closed, world } = fixture();
  world.opened = () => {
    world.ending = true;
  };
  await expect(binder.bind(port(80), 0)).rejects.toThrow('the fleet stops');
  expect(closed).toEqual(['0']);
  await expect(binder.bind(port(81), 1)).rejects.toThrow('the fleet stops');
  expect(plans).toHaveLength(1);
});
