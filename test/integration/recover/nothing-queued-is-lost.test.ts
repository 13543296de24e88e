import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import {
  type Answer,
  connectRaw,
  eventually,
  httpGet,
  processInfo,
  sendSignal,
  startReadyFleet,
  testWhen,
} from '../../helpers/index.js';
import { eachSharing } from '../../helpers/sharing.js';

const CONNECTIONS = 100;

/** After this the process accepts nothing any more, until it is continued or killed. */
async function freeze(pid: number): Promise<void> {
  sendSignal(pid, 'SIGSTOP');
  await eventually(() => processInfo(pid)?.state === 'T', { what: `process ${pid} stops` });
}

/** Opens all of the connections; each promise that this returns settles when its request is answered or lost. */
function request(port: number): Promise<PromiseSettledResult<Answer>[]> {
  return Promise.allSettled(Array.from({ length: CONNECTIONS }, () => httpGet({ port, within: 20_000 })));
}

const LOSSLESS = ['shared', 'sharded'] as const;

eachSharing(LOSSLESS)(
  'W13 %s: 100 connections that wait for a frozen worker are all answered when it is killed',
  async (sharing) => {
    const { master, pids, port } = await startReadyFleet({ options: { sharing, workers: 1, recoverInterval: 0 } });
    const [pid] = pids as [number];
    await freeze(pid);
    // Every client that is connected is in the queue: no worker accepts.
    const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => connectRaw({ port })));
    for (const client of clients) client.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    if ((await master.call('features')).queueDepth) {
      await eventually(async () => (await master.call('status')).queues[0].depth === CONNECTIONS, {
        what: 'all are queued',
      });
    }
    sendSignal(pid, 'SIGKILL');
    const answers = await Promise.all(clients.map((client) => client.until('"pid":', 20_000)));
    const { newPid } = await master.event('onChildRecover');
    expect(answers.map((text) => Number(/"pid":(\d+)/.exec(text)?.[1]))).toEqual(Array(CONNECTIONS).fill(newPid));
  },
);

eachSharing(LOSSLESS)(
  'W13 %s: a frozen worker beside a healthy one costs no connection and delays none',
  async (sharing) => {
    const { pids, port } = await startReadyFleet({ options: { sharing, workers: 2, recoverInterval: 0 } });
    const [frozen, healthy] = pids as [number, number];
    await freeze(frozen);
    const outcomes = await request(port);
    expect(outcomes.map((outcome) => outcome.status === 'fulfilled' && outcome.value.json().pid)).toEqual(
      Array(CONNECTIONS).fill(healthy),
    );
  },
);

eachSharing(LOSSLESS)(
  'W13 %s: connections that wait while no worker is alive at all are answered by the first that is',
  async (sharing) => {
    const { master, pids, port } = await startReadyFleet({ options: { sharing, workers: 2, recoverInterval: 700 } });
    for (const pid of pids) sendSignal(pid, 'SIGKILL');
    await master.event('onChildExit', { nth: 2 });
    const outcomes = await request(port);
    expect(outcomes.map(({ status }) => status)).toEqual(Array(CONNECTIONS).fill('fulfilled'));
  },
);

// net.ipv4.tcp_migrate_req is the administrator's choice: with it the kernel moves the queue to a sibling.
const migrates = readFileSync('/proc/sys/net/ipv4/tcp_migrate_req', 'utf8').trim() !== '0';

testWhen(
  !migrates,
  'net.ipv4.tcp_migrate_req is set',
  'sharding',
)('W13 reuseport documents the loss: the kernel resets what waited for the killed worker, and only that', async () => {
  const { pids, port } = await startReadyFleet({ options: { workers: 2, sharing: 'reuseport' } });
  const [frozen, healthy] = pids as [number, number];
  await freeze(frozen);
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => connectRaw({ port })));
  for (const { write } of connections) write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  sendSignal(frozen, 'SIGKILL');
  const outcomes = await Promise.all(
    connections.map(async (connection) => ({ error: await connection.ended(), text: connection.received })),
  );
  const lost = outcomes.filter(({ error }) => error !== undefined);
  expect(lost.length).toBeGreaterThan(0);
  expect(lost.length).toBeLessThan(CONNECTIONS);
  for (const { error } of lost) expect(error).toMatchObject({ code: 'ECONNRESET' });
  for (const { error, text } of outcomes) if (error === undefined) expect(text).toContain(`"pid":${healthy},`);
});
