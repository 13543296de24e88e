import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import type { InspectedSocket } from '../../../../lib/addon/native.cjs';
import type { WindowsAddon } from '../../../../lib/addon/native-windows.cjs';
import type { WorkerIdentity } from '../../../../lib/boot/identity.cjs';
import { controlPipes, windowsBoot } from '../../../../lib/boot/windows.cjs';
import type { MasterMessage, WireListener } from '../../../../lib/protocol/protocol.cjs';
import { windowsSystem } from '../../../../lib/worker/system/windows.js';
import { native } from '../../../helpers/addon.js';
import { eventually } from '../../../helpers/index.js';

const WIRE: WireListener = {
  ...{ name: 'web', family: 'IPv4', address: '127.0.0.1', port: 80, fd: 3, boundAs: '127.0.0.1' },
  ...{ backlog: 511, ipv6Only: false, handover: Buffer.from('a protocol info').toString('base64') },
};
const SOCKET: InspectedSocket = {
  ...{
    family: 'IPv4',
    type: 'stream',
    listening: true,
    nonBlocking: true,
    closeOnExec: true,
    reusePort: false,
    ipv6Only: false,
  },
  ...{ address: '127.0.0.1', port: 80 },
};

function identityOf(pipes: { controlFd?: number; reportFd?: number }): WorkerIdentity {
  const none = {
    masterStarted: '133700',
    controlFd: undefined,
    reportFd: undefined,
    adoptionFd: undefined,
    replyFd: undefined,
    hosted: undefined,
    cluster: false,
    board: undefined,
    scoreboard: undefined,
  };
  return { fleet: '0', slot: 0, generation: 0, masterPid: 4_711, listenFds: 0, ...none, ...pipes };
}

function fake(found: Partial<InspectedSocket> = {}): { binding: WindowsAddon; calls: string[] } {
  const calls: string[] = [];
  const binding = {
    adoptSocket: (info: Buffer) => calls.push(`adopt ${info.toString()}`) + 99,
    inspectListener: (socket: number) => {
      calls.push(`inspect ${socket}`);
      return { ...SOCKET, ...found };
    },
    watchMaster: ({ pid, started }: { pid: number; started: string }) => {
      calls.push(`watch ${pid} started ${started}`);
      return { configure() {}, exitAfter() {}, close() {} };
    },
  };
  return { binding: binding as unknown as WindowsAddon, calls };
}

test('the channel is two pipes; anything else behind the numbers is none', () => {
  const [read, write] = native.pipe();
  const [a, b] = native.socketPair();
  try {
    expect(controlPipes(identityOf({ controlFd: read, reportFd: write }))).toEqual({ control: read, report: write });
    expect(controlPipes(identityOf({ controlFd: read }))).toBeUndefined();
    expect(controlPipes(identityOf({ controlFd: a, reportFd: b }))).toBeUndefined();
    expect(controlPipes(identityOf({ controlFd: read, reportFd: 9_999 }))).toBeUndefined();
    expect(windowsSystem(fake().binding).openChannel(identityOf({}), {} as never)).toBeUndefined();
  } finally {
    for (const fd of [read, write, a, b]) native.closeFd(fd);
  }
});

test('a worker says hello when it watches its master, says when it hears, and hears', async () => {
  const [read, report] = native.pipe();
  const [control, write] = native.pipe();
  const said: unknown[] = [];
  const lines = createInterface({ input: new Socket({ fd: read, readable: true, writable: false }) });
  lines.on('line', (line) => said.push(JSON.parse(line)));
  const { binding, calls } = fake();
  const identity = identityOf({ controlFd: control, reportFd: report });
  windowsBoot(() => binding).arm(identity, () => {});
  expect(calls).toEqual(['watch 4711 started 133700']);
  const heard: MasterMessage[] = [];
  let closed = false;
  const channel = windowsSystem(binding).openChannel(identity, {
    message: (message) => void heard.push(message),
    garbage: () => {},
    close: () => {
      closed = true;
    },
  });
  await eventually(() => said.length === 2);
  expect(said).toEqual([{ type: 'watching', pid: process.pid }, { type: 'listening' }]);
  writeSync(write, '{"type":"drain","reason":"stop"}\n');
  await eventually(() => heard.length === 1);
  expect(heard).toEqual([{ type: 'drain', reason: 'stop' }]);
  native.closeFd(write);
  await eventually(() => closed);
  expect(channel?.send({ type: 'became-ready', pid: 1 })).toBe(false);
  const ended = once(lines, 'close');
  native.closeFd(report);
  await ended;
});

test('a listener is adopted, checked, and carries a handle and no descriptor', () => {
  const { binding, calls } = fake();
  const [listener] = windowsSystem(binding).adopt([WIRE]);
  expect(listener).toMatchObject({ name: 'web', family: 'IPv4', address: '127.0.0.1', port: 80 });
  expect(listener?.fd).toBeUndefined();
  expect(Object.keys(listener ?? {})).toContain('handle');
  expect(calls).toEqual(['adopt a protocol info', 'inspect 100']);
});

test.each<[string, Partial<InspectedSocket>, Partial<WireListener>]>([
  ['another port', { port: 81 }, {}],
  ['a socket that does not listen', { listening: false }, {}],
  ['no socket', {}, { handover: undefined as never }],
])('%s instead of the listening socket that was promised is refused', (_what, found, wire) => {
  const { binding } = fake(found);
  expect(() => windowsSystem(binding).adopt([{ ...WIRE, ...wire }])).toThrow(
    expect.objectContaining({ code: 'ERR_PREFORK_INHERITED_LISTENER' }),
  );
});
