import { expect, test } from 'vitest';
import { deferred } from '../../../../lib/common/deferred.js';
import { systemError } from '../../../../lib/common/system-error.js';
import { Addresses } from '../../../../lib/master/addresses/addresses.js';
import type { WorkerHandle } from '../../../../lib/master/workers/worker-handle.js';
import type { ListenPlan } from '../../../../lib/options/settings.js';
import type { WantedListener } from '../../../../lib/protocol/protocol.cjs';
import type { OpenListener } from '../../../../lib/system/open-listener.js';
import type { ReplyResult } from '../../../../lib/system/system.js';
import { FakeSystem, settle } from '../../../helpers/fake-system.js';

interface Told {
  readonly id: number;
  readonly listener?: { readonly name: string; readonly port?: number };
  readonly error?: { readonly code: string };
  readonly ticketKeys?: string;
  readonly fds: readonly number[];
}

/** Bytes that the addon takes: native/posix/fd_channel.h, kLongestText. */
const LONGEST_ANSWER = 8 * 1024;

/** Everything that workers ask for and get, without a process. */
function fixture({ given = [] as OpenListener[] } = {}) {
  const plans: ListenPlan[] = [];
  const log: string[] = [];
  const closed: string[] = [];
  const world = { failure: undefined as unknown, ending: false, watchError: undefined as unknown };
  const clock = new FakeSystem();
  let fd = 50;
  const open = (plan: ListenPlan): OpenListener => {
    const number = fd++;
    const place =
      plan.kind === 'unix'
        ? ({ family: 'unix', address: plan.path } as const)
        : ({
            family: 'IPv6',
            address: (plan.kind === 'tcp' && plan.host) || '::',
            port: plan.kind === 'tcp' && plan.port > 0 ? plan.port : 40_000 + number,
          } as const);
    const address = { name: plan.name, ...place };
    const wire = { ...address, boundAs: address.address, backlog: plan.backlog, ipv6Only: false };
    return { address, fd: number, wire, close: () => void closed.push(plan.name) };
  };
  const listeners = given;
  const write = (line: string) => void log.push(line);
  const addresses = new Addresses({
    settings: { sharing: 'shared', launch: { uid: undefined, gid: undefined } },
    system: {
      after: (ms, action) => clock.after(ms, action),
      openListeners: async ([plan]) => {
        plans.push(plan as ListenPlan);
        if (world.failure !== undefined) throw world.failure;
        return [open(plan as ListenPlan)];
      },
    },
    log: { info: write, warn: write, error: write },
    listeners,
    opened: () => {
      if (world.watchError !== undefined) throw world.watchError;
    },
    closing: ({ address }) => void closed.push(`closing ${address.name}`),
    ending: () => world.ending,
  });
  const worker = (slot: number, generation = 0) => {
    const gone = deferred();
    const told: Told[] = [];
    /** How many answers with descriptors the kernel does not take. */
    const refusals = { descriptors: 0 };
    let id = 0;
    const handle = {
      place: { slot, generation },
      state: 'starting',
      gone: gone.promise,
      lease: (listener: OpenListener) => listener,
      reply: (of: number, text: string, fds: readonly number[]): ReplyResult => {
        if (handle.state === 'exited') return 'gone';
        if (Buffer.byteLength(text) > LONGEST_ANSWER) throw new TypeError('too long');
        if (refusals.descriptors > 0 && fds.length > 0) {
          refusals.descriptors--;
          return 'full';
        }
        told.push({ id: of, ...JSON.parse(text), fds });
        return 'sent';
      },
    };
    const self = handle as unknown as WorkerHandle;
    return {
      handle: self,
      told,
      refusals,
      becomeReady: () => {
        handle.state = 'ready';
      },
      die: async () => {
        handle.state = 'exited';
        gone.resolve();
        await settle();
      },
      async ask(want: WantedListener): Promise<Told> {
        addresses.hear(self, { type: 'wants-listener', id: ++id, want });
        await settle();
        return told.at(-1) as Told;
      },
      release: (name: string) => addresses.hear(self, { type: 'released-listener', name }),
    };
  };
  return { addresses, worker, plans, log, closed, listeners, world, clock };
}

const port = (number: number, index = 0): WantedListener => ({ kind: 'tcp', port: number, index, ipv6Only: false });

test('an address is opened once, for every worker and every generation', async () => {
  const { worker, plans, listeners } = fixture();
  const answers = await Promise.all([worker(0).ask(port(80)), worker(1).ask(port(80))]);
  answers.push(await worker(0, 1).ask(port(80)));
  expect(plans).toMatchObject([{ kind: 'tcp', host: undefined, port: 80, backlog: 4_096 }]);
  expect(new Set(answers.map(({ fds }) => fds.join()))).toEqual(new Set(['50']));
  expect(listeners).toHaveLength(1);
});

test('port 0 is another port for each server of a worker, and the same for all workers, call by call', async () => {
  const { worker } = fixture();
  const [a, b] = [worker(0), worker(1)];
  const ports = [
    await a.ask(port(0, 0)),
    await a.ask(port(0, 1)),
    await b.ask(port(0, 0)),
    await b.ask(port(0, 1)),
  ].map(({ listener }) => listener?.port);
  expect(ports).toEqual([40_050, 40_051, 40_050, 40_051]);
});

test('an address that was asked for as any free port is the same one when it is asked for by its number', async () => {
  const { worker, plans } = fixture();
  const { listener } = await worker(0).ask(port(0));
  expect((await worker(1).ask(port(listener?.port as number))).listener).toEqual(listener);
  expect(plans).toHaveLength(1);
});

test('the last worker that closes its server closes the address; one that died closes nothing', async () => {
  const { worker, closed, listeners } = fixture();
  const [a, b] = [worker(0), worker(1)];
  await a.ask(port(80));
  await b.ask(port(80));
  await b.die();
  expect(closed).toEqual([]);
  a.release('0');
  expect(closed).toEqual(['closing 0', '0']);
  expect(listeners).toEqual([]);
  expect((await a.ask(port(80))).listener?.name).toBe('1');
});

test('when all workers of an address die it stays open for those that are recovered', async () => {
  const { worker, closed } = fixture();
  const only = worker(0);
  await only.ask(port(80));
  await only.die();
  expect(closed).toEqual([]);
  expect((await worker(0).ask(port(80))).fds).toEqual([50]);
});

test('a worker that listens for a moment while it boots closes no address whose workers have died: clients wait there', async () => {
  const { worker, closed } = fixture();
  const [only, next] = [worker(0), worker(0)];
  await only.ask(port(80));
  await only.die();
  await next.ask(port(80));
  next.release('0');
  expect(closed).toEqual([]);
  expect((await next.ask(port(80))).fds).toEqual([50]);
  next.becomeReady();
  next.release('0');
  expect(closed).toEqual(['closing 0', '0']);
});

test('after a reload an address that no new worker asked for is closed; before, the old worker empties its queue', async () => {
  const { addresses, worker, closed, log } = fixture();
  const old = worker(0);
  await old.ask(port(80));
  expect(addresses.abandonedBy(old.handle)).toBe(true);
  const next = worker(0, 1);
  await next.ask(port(81));
  expect(addresses.abandonedBy(old.handle)).toBe(true);
  addresses.reloaded(1);
  expect(closed).toEqual(['closing 0', '0']);
  expect(log.join()).toContain('[::]:80 is closed');
});

test('an address that the new generation uses as well outlives the reload', async () => {
  const { addresses, worker, closed } = fixture();
  const [old, next] = [worker(0), worker(0, 1)];
  await old.ask(port(80));
  await next.ask(port(80));
  expect(addresses.abandonedBy(old.handle)).toBe(false);
  addresses.reloaded(1);
  expect(closed).toEqual([]);
});

test('what was open before the first worker is given to the one that asks for its address, and never closed', async () => {
  const { listeners } = fixture();
  const address = { name: 'web', family: 'IPv4', address: '0.0.0.0', port: 80 } as const;
  const wire = { ...address, boundAs: '0.0.0.0', backlog: 1, ipv6Only: false };
  const closed: string[] = [];
  listeners.push({ address, fd: 7, wire, close: () => void closed.push('web') });
  const { addresses, worker, plans } = fixture({ given: listeners });
  const only = worker(0);
  expect(await only.ask(port(80))).toMatchObject({ listener: { name: 'web' }, fds: [7] });
  expect(await only.ask({ ...port(80), host: '127.0.0.1' } as WantedListener)).toMatchObject({
    listener: { name: '1' },
  });
  only.release('web');
  addresses.reloaded(1);
  expect(closed).toEqual([]);
  expect(plans).toHaveLength(1);
});

/** Sockets that were open before the program: the fleet's, once a worker asks. */
function opened(...places: readonly (readonly [name: string, address: string, port?: number])[]) {
  const closed: string[] = [];
  const given = places.map(([name, address, port], index): OpenListener => {
    const family = port === undefined ? 'unix' : address.includes(':') ? 'IPv6' : 'IPv4';
    const where = { name, family, address, ...(port !== undefined && { port }) } as const;
    const wire = { ...where, boundAs: address, backlog: 1, ipv6Only: false, activated: true };
    return { address: where, fd: 7 + index, wire, close: () => void closed.push(name) };
  });
  return { ...fixture({ given }), closedBefore: closed };
}

test('a socket that no worker has asked for is none of the fleet, is logged when all are ready, and is closed with the fleet alone', async () => {
  const { addresses, worker, listeners, log, closed, closedBefore } = opened(
    ['web', '0.0.0.0', 80],
    ['x', '0.0.0.0', 81],
  );
  expect(listeners).toEqual([]);
  const only = worker(0);
  expect((await only.ask(port(81))).fds).toEqual([8]);
  expect(listeners.map(({ address }) => address.name)).toEqual(['x']);
  addresses.ready();
  expect(log).toEqual([expect.stringContaining('does not listen on 0.0.0.0:80')]);
  only.release('x');
  expect(closed).toEqual(['closing x']);
  expect(listeners).toEqual([]);
  expect(log).toHaveLength(2);
  expect((await only.ask(port(81))).fds).toEqual([8]);
  addresses.reloaded(1);
  expect(log).toHaveLength(3);
  expect(closedBefore).toEqual([]);
  addresses.over();
  expect(closedBefore).toEqual(['web', 'x']);
});

test('of several sockets the one of the very address is given, else one to which its clients come', async () => {
  const { worker, plans } = opened(
    ['v6', '::', 80],
    ['v4', '0.0.0.0', 80],
    ['any', '::', 81],
    ['name', '\0app'],
    ['lo', '127.0.0.1', 82],
  );
  const names = async (...wants: readonly WantedListener[]) => {
    const all: unknown[] = [];
    for (const want of wants) all.push((await worker(0).ask(want)).listener?.name);
    return all;
  };
  const at = (host: string, number: number): WantedListener => ({ ...port(number), host }) as WantedListener;
  expect(await names(at('::', 80), at('0.0.0.0', 80), at('0.0.0.0', 81), port(81), at('127.0.0.1', 82))).toEqual([
    ...['v6', 'v4', 'any', 'any', 'lo'],
  ]);
  expect(await names({ kind: 'unix', path: '\0app\0\0' })).toEqual(['name']);
  expect(plans).toEqual([]);
  // No more than what its clients come to: the others are asked of the kernel.
  expect(await names(at('127.0.0.1', 80), port(82), { kind: 'unix', path: '/app' })).toEqual(['5', '6', '7']);
});

test('what the kernel refuses is answered with its code, logged once with the way out, and tried again for the next worker', async () => {
  const { worker, log, world } = fixture();
  world.failure = systemError('EADDRINUSE', { syscall: 'bind', address: '::', port: 80, hint: 'another process' });
  for (const slot of [0, 1])
    expect(await worker(slot).ask(port(80))).toMatchObject({ error: { code: 'EADDRINUSE' }, fds: [] });
  expect(log.filter((line) => line.includes('EADDRINUSE'))).toHaveLength(1);
  world.failure = undefined;
  expect((await worker(0).ask(port(80))).listener?.port).toBe(80);
});

test('a fleet that ends opens nothing, and a program that asks for more addresses than any needs is refused', async () => {
  const { worker, world, plans } = fixture();
  const only = worker(0);
  for (let i = 0; i < 256; i++) await only.ask(port(0, i));
  expect(await only.ask(port(0, 256))).toMatchObject({ error: { code: 'ECANCELED' } });
  expect(plans).toHaveLength(256);
  world.ending = true;
  expect(await only.ask(port(90))).toMatchObject({ error: { code: 'ECANCELED' } });
});

test('a queue that cannot be watched is served all the same', async () => {
  const { worker, world, log } = fixture();
  world.watchError = new Error('EMFILE');
  expect(await worker(0).ask({ kind: 'unix', path: '/run/app.sock' })).toMatchObject({ fds: [50] });
  expect(log.join()).toContain('are not watched');
});

test('what is told to be unused is closed: of a worker that goes on without it, too', async () => {
  const { addresses, worker, closed } = fixture();
  const [a, b] = [worker(0), worker(1)];
  await a.ask(port(80));
  await b.ask(port(81));
  addresses.closeUnused();
  expect(closed).toEqual([]);
  addresses.forget(a.handle);
  addresses.closeUnused();
  expect(closed).toEqual(['closing 0', '0']);
});

test('every worker gets the same keys for sessions of TLS', async () => {
  const { worker } = fixture();
  const secure = { ...port(80), secure: true } as const;
  const answers = await Promise.all([worker(0).ask(secure), worker(1).ask({ ...port(81), secure: true })]);
  const keys = answers.map(({ ticketKeys }) => ticketKeys);
  expect((await worker(2).ask(port(82))).ticketKeys).toBeUndefined();
  expect(keys[0]).toMatch(/^[0-9a-f]{96}$/);
  expect(keys[1]).toBe(keys[0]);
});

test('an answer that the kernel does not take at first is sent again, and a listen() that can never have one fails with the reason', async () => {
  const { worker, clock, log } = fixture();
  const only = worker(0);
  only.refusals.descriptors = 3;
  expect(await only.ask(port(80))).toBeUndefined();
  await clock.advance(100);
  expect(only.told).toMatchObject([{ id: 1, listener: { port: 80 }, fds: [50] }]);
  expect(log).toEqual([]);

  only.refusals.descriptors = Number.POSITIVE_INFINITY;
  await only.ask(port(81));
  // The worker itself waits for ten.
  await clock.advance(6_000);
  expect(only.told[1]).toMatchObject({ id: 2, error: { code: 'ENOBUFS' }, fds: [] });
  expect(log).toEqual([expect.stringMatching(/^worker 0 is not given \[::\]:81: sendmsg ENOBUFS: .*ulimit -n/)]);
  expect(clock.pendingTimers).toBe(0);
});

test('a reason of any length is answered in the length that an answer has', async () => {
  const { worker, world } = fixture();
  const path = `/${'\0'.repeat(20_000)}`;
  world.failure = systemError('ENAMETOOLONG', { syscall: 'open', path, hint: 'a shorter one' });
  expect(await worker(0).ask({ kind: 'unix', path })).toMatchObject({ error: { code: 'ENAMETOOLONG' } });
});

test('a descriptor that was closed while its answer waited is not sent: its number may be that of another file', async () => {
  const { addresses, worker, clock } = fixture();
  const only = worker(0);
  only.refusals.descriptors = 1;
  await only.ask(port(80));
  addresses.forget(only.handle);
  addresses.closeUnused();
  await clock.advance(100);
  expect(only.told).toMatchObject([{ id: 1, error: { code: 'ECANCELED' }, fds: [] }]);
});

test('a worker that ends while its answer waits is not answered, and nothing waits on', async () => {
  const { worker, clock, world, log } = fixture();
  const [dead, late] = [worker(0), worker(1)];
  for (const { refusals } of [dead, late]) refusals.descriptors = 1;
  await Promise.all([dead.ask(port(80)), late.ask(port(80))]);
  await dead.die();
  world.ending = true;
  await clock.advance(100);
  expect(dead.told).toEqual([]);
  expect(late.told).toMatchObject([{ error: { code: 'ECANCELED' } }]);
  expect(clock.pendingTimers).toBe(0);
  expect(log).toEqual([]);
});
