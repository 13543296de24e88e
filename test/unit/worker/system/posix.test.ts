import { createServer, type Server } from 'node:net';
import { expect, test } from 'vitest';
import type { Fd, LinuxAddon } from '../../../../lib/addon/native.cjs';
import type { WireListener } from '../../../../lib/protocol/protocol.cjs';
import { acceptRest } from '../../../../lib/worker/drain/last-call.js';
import { posixSystem } from '../../../../lib/worker/system/posix.js';

const UNIX = 40;
const TCP = 41;
const LATE = 42;
const ADDRESSES = {
  [UNIX]: { family: 'unix', address: '/run/app.sock' },
  [TCP]: { family: 'IPv4', address: '127.0.0.1', port: 8_080 },
  [LATE]: { family: 'IPv4', address: '127.0.0.1', port: 8_081 },
} as const;

function addressOf(fd: Fd) {
  return ADDRESSES[fd as keyof typeof ADDRESSES];
}

function wireOf(fd: Fd): WireListener {
  const { address } = addressOf(fd);
  return { ...addressOf(fd), fd, name: '0', boundAs: address, backlog: 16, ipv6Only: false };
}

/** A worker that accepts from a unix socket and one of TCP; `events` has what it asks of the kernel from then on. */
function worker(waiting: ReadonlyMap<Fd, number>) {
  const events: string[] = [];
  const kernel: Partial<LinuxAddon> = {
    inspectListener: (fd) => ({ ...addressOf(fd), type: 'stream', listening: true }) as never,
    acceptLines: () => ({
      add: (fd) => ({
        leave: () => events.push(`leave ${fd}`) > 0,
        enter: () => true,
        close: () => {},
      }),
      look: () => void events.push('look'),
    }),
    queueDepth: (fd) => {
      events.push(`ask ${fd}`);
      return { depth: waiting.get(fd) ?? 0, limit: 16 };
    },
    // Of every addon for Linux.
    steer: () => {},
    handshakes: () => 0,
    hideListener: (fd) => void events.push(`hide ${fd}`),
    deafenListener: (fd, deaf) => void events.push(`${deaf ? 'deafen' : 'let in'} ${fd}`),
  };
  const system = posixSystem(kernel as LinuxAddon);
  system.adopt([UNIX, TCP].map(wireOf));
  const counts = new Uint32Array(2);
  const lines = system.acceptLines({ counts, board: undefined, sharing: 'shared', log: { warn() {} }, room() {} });
  for (const fd of [UNIX, TCP]) lines.of(Object.assign(createServer(), { _handle: { fd } }) as Server, () => {});
  return { system, events };
}

test('a full worker that waits asks the kernel for each queue once in a look, and leaves a unix socket as soon as nobody waits there', async () => {
  const waiting = new Map([
    [UNIX, 1],
    [TCP, 1],
  ]);
  const { system, events } = worker(waiting);
  let looks = 0;
  await new Promise<void>((over) => {
    const finish = (): void => {
      if (!events.includes(`hide ${TCP}`)) return;
      looks++;
      if (looks === 3) waiting.set(UNIX, 0);
      if (looks === 6) waiting.set(TCP, 0);
    };
    const call = { accepted: () => 0, left: () => 600_000, sealed: () => true, undecided: () => false };
    acceptRest({ ...call, queues: system, full: () => true, finish, abort: () => {} }, over);
  });
  expect(events.join(', ').split(`hide ${TCP}, look, `)[1]?.split(', look, ').slice(0, 5)).toEqual([
    ...Array(2).fill('ask 40, ask 41'),
    ...Array(3).fill('ask 40, leave 40, ask 41'),
  ]);
});

test('a worker that outlives its master lets clients to each of its sockets, also to those that it is given later', () => {
  const { system, events } = worker(new Map());
  const { fd: _, ...late } = wireOf(LATE);
  system.adoptLate?.({ ...late, fd: null }, LATE);
  expect(events).toEqual([]);
  system.forget?.(LATE);
  system.hear?.();
  expect(events.splice(0)).toEqual([`let in ${TCP}`]);
  system.adoptLate?.({ ...late, fd: null }, LATE);
  expect(events).toEqual([`let in ${LATE}`]);
});
