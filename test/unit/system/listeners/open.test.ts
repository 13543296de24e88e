import { beforeEach, describe, expect, test } from 'vitest';
import { parseListen } from '../../../../lib/options/listen.js';
import type { Lookup } from '../../../../lib/system/listeners/lookup.js';
import { openListeners } from '../../../../lib/system/listeners/open.js';
import { closeListeners, type OpenListener } from '../../../../lib/system/open-listener.js';
import type { Sharing } from '../../../../lib/types.js';
import { FakeNative, recordingLog } from '../../../helpers/fake-native.js';

let native: FakeNative;
let log: ReturnType<typeof recordingLog>;
beforeEach(() => {
  native = new FakeNative();
  log = recordingLog();
});

const lookup: Lookup = async (host) => {
  if (host !== 'localhost')
    throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), {
      code: 'ENOTFOUND',
      syscall: 'getaddrinfo',
      hostname: host,
    });
  return [
    { address: '::1', family: 6 },
    { address: '127.0.0.1', family: 4 },
  ];
};

function open(listen: unknown, { sharing = 'shared', env = {} }: { sharing?: Sharing; env?: NodeJS.ProcessEnv } = {}) {
  const notASocket = (fd: number) => native.strangers.get(fd);
  const context = { native: native.binding, sharing, slots: 2, log, env, pid: 42, lookup, notASocket };
  return openListeners(parseListen(listen), context);
}

function places(listeners: readonly OpenListener[]): string[] {
  return listeners.map(({ address: { name, address, port } }) => `${name} ${address} ${port}`);
}

describe('bound here', () => {
  test('no host is every address, IPv6 and IPv4, under one descriptor', async () => {
    const [listener] = await open(80);
    expect(listener).toMatchObject({
      fd: 100,
      address: { name: '0', family: 'IPv6', address: '::', port: 80 },
      wire: { name: '0', family: 'IPv6', address: '::', port: 80, boundAs: '::', backlog: 4096, ipv6Only: false },
    });
    expect(native.calls).toEqual(['listen :::80']);
  });

  test.each(['EAFNOSUPPORT', 'EADDRNOTAVAIL'] as const)('no host is 0.0.0.0 where IPv6 is off (%s)', async (code) => {
    native.failures.set('::0:80', code).set(':::80', code);
    expect(places(await open(80))).toEqual(['0 0.0.0.0 80']);
  });

  test("'tcp6' never falls back to IPv4", async () => {
    native.failures.set(':::80', 'EAFNOSUPPORT');
    await expect(open({ port: 80, network: 'tcp6' })).rejects.toMatchObject({ code: 'EAFNOSUPPORT', syscall: 'bind' });
  });

  test('a host name is resolved, and the first address that the machine has is used', async () => {
    native.failures.set('::1:80', 'EADDRNOTAVAIL');
    expect(places(await open('localhost:80'))).toEqual(['0 127.0.0.1 80']);
  });

  test('a port that is taken on the first address is not looked for on the second', async () => {
    native.failures.set('::1:80', 'EADDRINUSE');
    await expect(open('localhost:80')).rejects.toMatchObject({ code: 'EADDRINUSE', address: '::1', port: 80 });
    expect(native.calls).toEqual(['listen ::1:80']);
  });

  test('port 0 becomes a number that workers get', async () => {
    const [listener] = await open('127.0.0.1:0');
    expect(listener?.address.port).toBe(40_100);
    expect(listener?.wire.port).toBe(40_100);
  });

  test('reuseport: a guard is held, and workers get no descriptor', async () => {
    const [listener] = await open({ port: 0, network: 'tcp6', name: 'web', backlog: 7 }, { sharing: 'reuseport' });
    expect(native.calls).toEqual([':::0 ipv6Only'].map((call) => `guard ${call}`));
    expect(listener).toMatchObject({
      fd: null,
      wire: { name: 'web', boundAs: '::', port: 40_100, backlog: 7, ipv6Only: true },
    });
    listener?.close();
    expect(native.open.size).toBe(0);
  });

  test('C3 all or nothing: a failing address closes what was opened before it, in reverse', async () => {
    native.failures.set('127.0.0.1:82', 'EACCES');
    await expect(open(['127.0.0.1:80', '127.0.0.1:81', '127.0.0.1:82', '127.0.0.1:83'])).rejects.toMatchObject({
      code: 'EACCES',
    });
    expect(native.calls.slice(3)).toEqual(['closeFd 101', 'closeFd 100']);
    expect(native.open.size).toBe(0);
  });

  test('C3 a name that does not resolve is found before anything is bound', async () => {
    await expect(open([80, 'no.invalid:80'])).rejects.toMatchObject({ code: 'ENOTFOUND', hostname: 'no.invalid' });
    expect(native.calls).toEqual([]);
  });

  test.each([
    ['EADDRINUSE', /ss -ltnp 'sport = :80'/],
    ['EACCES', /CAP_NET_BIND_SERVICE/],
    ['EADDRNOTAVAIL', /no interface of this machine has the address 127\.0\.0\.1/],
    ['EAFNOSUPPORT', /switched off/],
  ] as const)('%s names syscall, address and way out', async (code, wayOut) => {
    native.failures.set('127.0.0.1:80', code);
    const error = (await open('127.0.0.1:80').catch((reason: unknown) => reason)) as NodeJS.ErrnoException;
    expect(error).toMatchObject({ code, syscall: 'bind', address: '127.0.0.1', port: 80 });
    expect(error.errno).toBeLessThan(0);
    expect(error.message).toMatch(new RegExp(`^bind ${code}: .+ 127\\.0\\.0\\.1:80 \\(`));
    expect(error.message).toMatch(wayOut);
  });

  test('closing is idempotent, in reverse order, and a failure does not keep the others open', async () => {
    const listeners = await open(['127.0.0.1:80', '127.0.0.1:81', '127.0.0.1:82']);
    native.open.delete(101);
    closeListeners(listeners);
    closeListeners(listeners);
    expect(native.calls.slice(3)).toEqual(['closeFd 102', 'closeFd 101', 'closeFd 100']);
    expect(log.lines).toEqual(["warn: listener '1': closing it failed: close EBADF"]);
  });
});

describe('opened by the service manager', () => {
  function activated(count: number, names?: string, pid = 42): NodeJS.ProcessEnv {
    return {
      PATH: '/bin',
      LISTEN_FDS: String(count),
      LISTEN_PID: String(pid),
      ...(names === undefined ? {} : { LISTEN_FDNAMES: names }),
    };
  }

  test('a socket of that name is used, whatever its port; made non-blocking and close-on-exec', async () => {
    native.inherit(3, { address: '0.0.0.0', port: 8080 });
    const env = activated(1, 'web');
    const [listener] = await open({ port: 80, name: 'web' }, { env });
    expect(listener).toMatchObject({
      fd: 3,
      address: { name: 'web', address: '0.0.0.0', port: 8080 },
      wire: { boundAs: '0.0.0.0' },
    });
    expect(native.calls).toEqual(['setCloseOnExec 3', 'inspectListener 3', 'setNonBlocking 3']);
    expect(env).toEqual({ PATH: '/bin' });
    expect(log.lines).toEqual(["info: listener 'web': using descriptor 3 of the service manager, 0.0.0.0:8080"]);
    listener?.close();
    expect(native.open.size).toBe(0);
  });

  test.each([
    [':80', { family: 'IPv6', address: '::' }],
    [':80', { address: '0.0.0.0' }],
    ['127.0.0.1:80', { address: '127.0.0.1' }],
    ['localhost:80', { address: '127.0.0.1' }],
    ['[0:0:0:0:0:0:0:1]:80', { family: 'IPv6', address: '::1' }],
    ['[fe80:0::1%lo]:80', { family: 'IPv6', address: 'fe80::1%lo' }],
  ] as const)('%s is matched by address with %o', async (listen, socket) => {
    native.inherit(3, { ...socket, port: 80 });
    expect((await open(listen, { env: activated(1) }))[0]?.fd).toBe(3);
  });

  test.each([
    ['127.0.0.1:80', { address: '127.0.0.1', port: 81 }],
    ['127.0.0.1:80', { address: '0.0.0.0', port: 80 }],
    [':80', { address: '127.0.0.1', port: 80 }],
    [
      { port: 80, network: 'tcp4' },
      { family: 'IPv6', address: '::', port: 80 },
    ],
    [0, { address: '0.0.0.0', port: 80 }],
    ['[fe80::1%lo]:80', { family: 'IPv6', address: 'fe80::1%eth0', port: 80 }],
  ] as const)('%j is not matched with %o, which is closed with a warning', async (listen, socket) => {
    native.inherit(3, socket);
    const [listener] = await open(listen, { env: activated(1, 'other') });
    expect(listener?.fd).toBe(100);
    expect(native.open).toEqual(new Set([100]));
    expect(log.lines).toHaveLength(1);
    expect(log.lines[0]).toMatch(/^warn: descriptor 3 \('other'\), passed by the service manager .*, closing it$/);
  });

  test('what is no listening socket is not matched, and is left open with a warning', async () => {
    native.inherit(3, { address: '0.0.0.0', port: 80, listening: false });
    const [listener] = await open(':80', { env: activated(1, 'other') });
    expect(listener?.fd).toBe(100);
    expect(native.open).toEqual(new Set([3, 100]));
    expect(log.lines).toEqual([
      expect.stringMatching(/^warn: descriptor 3 \('other'\), passed by the service manager .*, it is left open$/),
    ]);
  });

  test('a unix socket is matched by path; its file belongs to the service manager', async () => {
    native.inherit(3, { family: 'unix', address: '/run/app.sock' });
    const [listener] = await open('unix:/run/app.sock', { env: activated(1), sharing: 'reuseport' });
    expect(listener).toMatchObject({ fd: 3, address: { family: 'unix', address: '/run/app.sock' } });
    expect(listener?.address).not.toHaveProperty('port');
  });

  test('names win over addresses, and addresses distinguish several sockets of one name', async () => {
    native.inherit(3, { address: '0.0.0.0', port: 81 });
    native.inherit(4, { address: '0.0.0.0', port: 80 });
    native.inherit(5, { family: 'unix', address: '/run/x' });
    const listen = [
      { port: 81, name: 'a' },
      { port: 80, name: 'app' },
      { path: '/run/y', name: 'adm' },
    ];
    const listeners = await open(listen, { env: activated(3, 'app:app:adm') });
    expect(listeners.map(({ fd }) => fd)).toEqual([3, 4, 5]);
  });

  test('two fleets that open at the same time share the passed sockets', async () => {
    native.inherit(3, { address: '127.0.0.1', port: 80 });
    native.inherit(4, { address: '127.0.0.1', port: 81 });
    native.inherit(5, { address: '127.0.0.1', port: 82 });
    const env = activated(3);
    const [[second], [first]] = await Promise.all([open('127.0.0.1:81', { env }), open('127.0.0.1:80', { env })]);
    expect([first?.fd, second?.fd]).toEqual([3, 4]);
    expect(native.open).toEqual(new Set([3, 4]));
    expect(log.lines.filter((line) => line.startsWith('warn: descriptor 5'))).toHaveLength(1);
  });

  test.each([
    ['another pid', { LISTEN_FDS: '1', LISTEN_PID: '41' }],
    ['no pid', { LISTEN_FDS: '1' }],
    ['no number', { LISTEN_FDS: 'x', LISTEN_PID: '42' }],
    ['none', { LISTEN_FDS: '0', LISTEN_PID: '42' }],
  ])('variables for %s are removed and touch no descriptor', async (_what, variables) => {
    native.inherit(3, { address: '127.0.0.1', port: 80 });
    const env = { ...variables, LISTEN_FDNAMES: 'web' };
    const [listener] = await open('127.0.0.1:80', { env });
    expect(listener?.fd).toBe(100);
    expect(env).toEqual({});
    expect(native.open.has(3)).toBe(true);
  });

  test.each([
    ['a unix socket', { family: 'unix', address: '/run/x' }],
    ['a datagram socket', { type: 'other', listening: false, port: 80 }],
    ['a socket that does not listen', { listening: false, port: 80 }],
    ['no socket', { family: 'other', type: 'other', listening: false, address: '' }],
  ] as const)('W17 a name given to %s is an error, and every listening socket is closed', async (_what, socket) => {
    native.inherit(3, { address: '127.0.0.1', port: 81 });
    native.inherit(4, socket);
    const failed = open(
      [
        { host: '127.0.0.1', port: 81, name: 'a' },
        { port: 80, name: 'web' },
      ],
      { env: activated(2, 'a:web') },
    );
    await expect(failed).rejects.toMatchObject({
      code: 'ERR_PREFORK_INHERITED_LISTENER',
      message: expect.stringMatching(/^Descriptor 4, .*'web', is .*, not a listening socket for TCP;/) as string,
    });
    expect([...native.open]).toEqual('listening' in socket ? [4] : []);
  });

  test("W17 a descriptor that cannot come from a service manager is an error, and stays open: it is Node's own", async () => {
    native.inherit(3, { address: '127.0.0.1', port: 80 });
    native.inherit(4, { family: 'other', type: 'other', listening: false, address: '' });
    native.strangers.set(4, { what: 'anon_inode:[eventpoll]', fifo: false });
    await expect(open('127.0.0.1:80', { env: activated(3) })).rejects.toMatchObject({
      code: 'ERR_PREFORK_INHERITED_LISTENER',
      message: expect.stringMatching(/ but 4 cannot be used .*anon_inode:\[eventpoll\].*unset LISTEN_PID$/) as string,
    });
    expect(native.open).toEqual(new Set([4]));
  });

  test('a FIFO of the service manager is left open with a warning, and under the name of a listener it is an error', async () => {
    native.inherit(3, { family: 'other', type: 'other', listening: false, address: '' });
    native.strangers.set(3, { what: 'the FIFO /run/app.fifo', fifo: true });
    expect((await open('127.0.0.1:80', { env: activated(1, 'other') }))[0]?.fd).toBe(100);
    expect(log.lines[0]).toMatch(/^warn: descriptor 3 \('other'\), .* is the FIFO \/run\/app.fifo: .* left open$/);
    await expect(open({ port: 80, name: 'web' }, { env: activated(1, 'web') })).rejects.toMatchObject({
      code: 'ERR_PREFORK_INHERITED_LISTENER',
      message: expect.stringContaining('is the FIFO /run/app.fifo, not a listening socket for TCP') as string,
    });
    expect(native.open).toContain(3);
  });

  test('W17 a descriptor that was promised and is not open is an error', async () => {
    native.inherit(3, { address: '127.0.0.1', port: 80 });
    await expect(open('127.0.0.1:80', { env: activated(2) })).rejects.toMatchObject({
      code: 'ERR_PREFORK_INHERITED_LISTENER',
      message: expect.stringContaining('but 4 cannot be used') as string,
      cause: { code: 'EBADF' },
    });
    expect(native.open.size).toBe(0);
  });

  test("reuseport cannot use such a socket: it can only be 'shared'", async () => {
    native.inherit(3, { address: '127.0.0.1', port: 80 });
    await expect(open('127.0.0.1:80', { env: activated(1), sharing: 'reuseport' })).rejects.toMatchObject({
      code: 'ERR_PREFORK_UNSUPPORTED',
      message: expect.stringContaining("use sharing 'shared'") as string,
    });
    expect(native.open.size).toBe(0);
  });

  test('names that do not count as many as the descriptors are ignored with a warning', async () => {
    native.inherit(3, { address: '127.0.0.1', port: 80 });
    const [listener] = await open({ host: '127.0.0.1', port: 0, name: 'a' }, { env: activated(1, 'a:b') });
    expect(listener?.fd).toBe(100);
    expect(log.lines[0]).toMatch(/2 names for 1 descriptors/);
  });

  test('a socket that a wrapper was given is named when the address is in use, and not before', async () => {
    const env = { ...activated(2, 'a:b', 41) };
    await open('127.0.0.1:81', { env });
    native.failures.set('127.0.0.1:80', 'EADDRINUSE');
    const error = await open('127.0.0.1:80', { env }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'EADDRINUSE',
      message: expect.stringMatching(
        /LISTEN_FDS=2 was meant for pid 41.*, and this is 42: let the service manager start node itself.*; otherwise another process/,
      ) as string,
    });
    expect(log.lines).toEqual([]);
  });

  test('a failing bind closes the sockets of the service manager, too', async () => {
    native.inherit(3, { address: '127.0.0.1', port: 80 });
    native.failures.set('127.0.0.1:81', 'EADDRINUSE');
    await expect(open(['127.0.0.1:80', '127.0.0.1:81'], { env: activated(1) })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
    expect(native.open.size).toBe(0);
  });
});

describe('passed by Server::Starter', () => {
  const starter = (list: string): NodeJS.ProcessEnv => ({ PATH: '/bin', SERVER_STARTER_PORT: list });

  test('sockets are found by the address that they are bound to, whatever the variable calls it', async () => {
    native.inherit(5, { address: '0.0.0.0', port: 80 });
    native.inherit(6, { family: 'IPv6', address: '::1', port: 81 });
    native.inherit(7, { family: 'unix', address: '/run/a=b;c.sock' });
    const env = starter('80=5;[::1]:81=6;/run/a=b=7');
    const listeners = await open([80, '[::1]:81', 'unix:/run/a=b;c.sock'], { env });
    expect(listeners.map(({ fd }) => fd)).toEqual([5, 6, 7]);
    expect(env).toEqual({ PATH: '/bin' });
    expect(log.lines[0]).toBe("info: listener '0': using descriptor 5 of Server::Starter, 0.0.0.0:80");
    expect(native.calls.filter((call) => call.startsWith('setCloseOnExec'))).toHaveLength(3);
  });

  test('a socket that no listener wants is closed with a warning', async () => {
    native.inherit(5, { address: '0.0.0.0', port: 443 });
    await open('127.0.0.1:80', { env: starter('u443=5') });
    expect(log.lines[0]).toMatch(
      /^warn: descriptor 5, passed by Server::Starter \(SERVER_STARTER_PORT\), .*closing it$/,
    );
    expect(native.open).toEqual(new Set([100]));
  });

  test.each([
    ['80=9', /descriptor 9 for 80, which cannot be used .*unset SERVER_STARTER_PORT$/],
    ['80=5;81=9', /descriptor 9 for 81/],
    ['80=8', /descriptor 8 for 80, .*anon_inode/],
    ['80', /the entry "80", .*port=descriptor/],
    ['80=x', /the entry "80=x"/],
  ])('%s is an error that names the entry, and nothing stays open', async (list, message) => {
    native.inherit(5, { address: '0.0.0.0', port: 80 });
    native.inherit(8, { family: 'other', type: 'other', listening: false, address: '' });
    native.strangers.set(8, { what: 'anon_inode:[eventpoll]', fifo: false });
    await expect(open([80, 81], { env: starter(list) })).rejects.toMatchObject({
      code: 'ERR_PREFORK_INHERITED_LISTENER',
      message: expect.stringMatching(message) as string,
    });
    expect(native.open).toEqual(new Set(list.startsWith('80=5') ? [8] : [5, 8]));
  });

  test('an empty variable promises nothing', async () => {
    expect((await open('127.0.0.1:80', { env: starter('') }))[0]?.fd).toBe(100);
  });
});

describe('a descriptor that the option names', () => {
  test('a copy of it is used, and the descriptor itself stays open', async () => {
    native.inherit(0, { address: '0.0.0.0', port: 8080 });
    const [listener] = await open({ fd: 0, name: 'web' });
    expect(listener).toMatchObject({
      fd: 100,
      address: { name: 'web', family: 'IPv4', address: '0.0.0.0', port: 8080 },
      wire: { boundAs: '0.0.0.0', activated: true },
    });
    expect(log.lines).toEqual([
      "info: listener 'web': using descriptor 0 of the program that started the master, 0.0.0.0:8080",
    ]);
    listener?.close();
    expect(native.open).toEqual(new Set([0]));
    expect(native.calls).not.toContain('setCloseOnExec 0');
  });

  test('one above the standard streams is no other child of the master any more, and a unix socket fits as well', async () => {
    native.inherit(7, { family: 'unix', address: '/run/x' });
    const [listener] = await open({ fd: 7 }, { sharing: 'sharded' });
    expect(listener?.address).toEqual({ name: '0', family: 'unix', address: '/run/x' });
    expect(native.calls).toContain('setCloseOnExec 7');
  });

  test('one that the service manager passed is taken from its list', async () => {
    native.inherit(3, { address: '0.0.0.0', port: 8080 });
    const [listener] = await open({ fd: 3 }, { env: { LISTEN_FDS: '1', LISTEN_PID: '42' } });
    expect(listener?.fd).toBe(3);
    expect(log.lines).toEqual(["info: listener '0': using descriptor 3 of the service manager, 0.0.0.0:8080"]);
  });

  test.each([
    ['that does not listen', { listening: false, port: 80 }, /is .*does not listen.*, not a listening stream socket/],
    ['of datagrams', { type: 'other', listening: false, port: 80 }, /is no stream socket/],
    ['that is no socket', { family: 'other', type: 'other', listening: false, address: '' }, /is \/dev\/null/],
  ] as const)('one %s is an error that names the way out, and nothing stays open', async (_what, socket, message) => {
    native.inherit(9, socket);
    native.strangers.set(9, { what: '/dev/null', fifo: false });
    const failed = open(['127.0.0.1:80', { fd: 9 }]);
    await expect(failed).rejects.toMatchObject({
      code: 'ERR_PREFORK_INHERITED_LISTENER',
      message: expect.stringMatching(message) as string,
    });
    await expect(failed).rejects.toThrow(/^Descriptor 9, which the option 'listen' names, .*name another descriptor$/);
    expect(native.open).toEqual(new Set([9]));
  });

  test('one that is not open is an error', async () => {
    await expect(open({ fd: 9 })).rejects.toMatchObject({
      code: 'ERR_PREFORK_INHERITED_LISTENER',
      cause: { code: 'EBADF' },
    });
  });

  test("it can only be 'shared'", async () => {
    native.inherit(9, { address: '127.0.0.1', port: 80 });
    await expect(open({ fd: 9 }, { sharing: 'sharded' })).rejects.toMatchObject({ code: 'ERR_PREFORK_UNSUPPORTED' });
    expect(native.open).toEqual(new Set([9]));
  });
});
