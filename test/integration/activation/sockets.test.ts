import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { linux } from '../../../lib/addon/narrow.cjs';
import type { BoundSocket, InspectedSocket } from '../../../lib/addon/native.cjs';
import type { WireListener } from '../../../lib/protocol/protocol.cjs';
import type { ListenerAddress } from '../../../lib/types.js';
import { native } from '../../helpers/addon.js';
import { inPackage, target } from '../../helpers/index.js';

const FIXTURE = inPackage('test/fixtures/opens-listeners.mjs');

interface Report {
  readonly listeners?: readonly {
    readonly fd: number | null;
    readonly address: ListenerAddress;
    readonly wire: WireListener;
    readonly inspected: InspectedSocket;
  }[];
  readonly error?: { readonly code?: string; readonly message: string };
  readonly sockets: number;
  readonly env: Readonly<Record<string, string>>;
  readonly log: readonly string[];
}

let folder: string;
const held: BoundSocket[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'prefork-activation-'));
});
afterEach(() => {
  for (const { fd } of held.splice(0)) native.closeFd(fd);
  rmSync(folder, { recursive: true });
});

/** Does what a service manager does: binds, and starts the program with the descriptors from 3 up. */
function hold(socket: BoundSocket): BoundSocket {
  held.push(socket);
  return socket;
}

function tcp(address = '127.0.0.1'): BoundSocket {
  return hold(native.listen({ family: 'IPv4', address, port: 0, backlog: 16, ipv6Only: false, reusePort: false }));
}

interface ManagerOptions {
  readonly names?: string;
  /** Default: written by the spawn, in the child. */
  readonly pid?: number;
}

async function activate(
  argument: unknown,
  sockets: readonly BoundSocket[],
  { names, pid }: ManagerOptions = {},
): Promise<Report> {
  const output = join(folder, 'output');
  const [stdin, stdout] = [openSync('/dev/null', 'r'), openSync(output, 'w')];
  const variables = [`LISTEN_FDS=${sockets.length}`];
  if (names !== undefined) variables.push(`LISTEN_FDNAMES=${names}`);
  if (pid !== undefined) variables.push(`LISTEN_PID=${pid}`);
  const env = { ...process.env, LISTEN_PIDFDID: '1' };
  const exit = await new Promise((resolve) => {
    native.spawn(
      {
        file: target.node,
        args: [target.node, FIXTURE, JSON.stringify(argument)],
        env: [...Object.entries(env).map(([name, value]) => `${name}=${value}`), ...variables],
        fds: [stdin, stdout, 2, ...sockets.map(({ fd }) => fd)],
        dieWithParent: true,
        listenPid: pid === undefined,
      },
      resolve,
    );
  });
  for (const fd of [stdin, stdout]) closeSync(fd);
  expect(exit).toEqual({ code: 0, signal: null });
  return JSON.parse(readFileSync(output, 'utf8')) as Report;
}

test('a master uses the sockets that the service manager opened, by address and by name, and cleans its environment', async () => {
  const byAddress = tcp();
  const byName = tcp('0.0.0.0');
  const unix = hold(native.listen({ family: 'unix', path: join(folder, 'app.sock'), backlog: 16 }));
  const listen = [
    `unix:${unix.address}`,
    { port: 0, name: 'web' },
    `127.0.0.1:${byAddress.port}`,
    { host: '127.0.0.1', port: 0, name: 'own' },
  ];
  const report = await activate({ listen }, [byAddress, byName, unix], { names: 'x:web:y' });
  expect(report.error).toBeUndefined();
  expect(report.listeners?.map(({ fd }) => fd)).toEqual([5, 4, 3, expect.any(Number)]);
  expect(report.listeners?.map(({ address }) => [address.address, address.port])).toEqual([
    [unix.address, undefined],
    ['0.0.0.0', byName.port],
    ['127.0.0.1', byAddress.port],
    ['127.0.0.1', expect.any(Number)],
  ]);
  for (const { inspected } of report.listeners ?? []) {
    expect(inspected).toMatchObject({ listening: true, nonBlocking: true, closeOnExec: true });
  }
  expect(report.env).toEqual({});
  expect(report.sockets).toBe(0);
  // The file belongs to the service manager.
  expect(native.probeUnix(unix.address)).toBe('live');
});

test('a master closes a socket that no listener wants, with a warning', async () => {
  const spare = tcp();
  const report = await activate({ listen: '127.0.0.1:0' }, [spare], { names: 'spare' });
  expect(report.listeners?.[0]?.address.port).not.toBe(spare.port);
  expect(report.log).toEqual([expect.stringMatching(/^warn: descriptor 3 \('spare'\).*127\.0\.0\.1:\d+.*closing it$/)]);
  expect(report.sockets).toBe(0);
});

test('a master removes variables that were meant for another process, and does not follow them', async () => {
  const other = tcp();
  const report = await activate({ listen: `127.0.0.1:${other.port}` }, [other], { pid: process.pid });
  expect(report.error).toMatchObject({ code: 'EADDRINUSE', port: other.port });
  expect(report.env).toEqual({});
});

test('W17 a socket of the wrong kind under the name of a listener is refused', async () => {
  const unix = hold(native.listen({ family: 'unix', path: join(folder, 'app.sock'), backlog: 16 }));
  const report = await activate({ listen: { port: 0, name: 'web' } }, [unix], { names: 'web' });
  expect(report.error).toMatchObject({ code: 'ERR_PREFORK_INHERITED_LISTENER' });
  expect(report.sockets).toBe(0);
});

test('W17 a bound socket that does not listen is refused under its name, and is not closed', async () => {
  const guard = hold(linux(native).guard({ family: 'IPv4', address: '127.0.0.1', port: 0, ipv6Only: false }));
  const report = await activate({ listen: { port: 0, name: 'web' } }, [guard], { names: 'web' });
  expect(report.error?.message).toMatch(/does not listen.*not a listening socket for TCP/);
  expect(report.sockets).toBe(1);
});

test("an activated socket can only be 'shared'", async () => {
  const socket = tcp();
  const report = await activate({ listen: `127.0.0.1:${socket.port}`, sharing: 'reuseport' }, [socket]);
  expect(report.error).toMatchObject({ code: 'ERR_PREFORK_UNSUPPORTED' });
  expect(report.sockets).toBe(0);
});
