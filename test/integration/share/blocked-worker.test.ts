import { expect } from 'vitest';
import { connectRaw, type Master, patience, startMaster, startReadyFleet, testOn } from '../../helpers/index.js';
import { eachSharing } from '../../helpers/sharing.js';

/** Milliseconds for which a worker is blocked, and which a connection waits that waits for it. */
const BLOCKED = 30_000;
/** Milliseconds. The last of 200 waits for 100 where the CPUs have nothing else to do. */
const AT_MOST = 12_000;

interface Timed {
  readonly ms: number;
  readonly pid: number;
}

async function burst(client: Master, connections: number): Promise<readonly Timed[]> {
  return await client.call('burst', connections);
}

/** Stops one worker's event loop; returns its pid once it is blocked. */
async function blockOne(master: Master, port: number, ms: number): Promise<{ pid: number; over: Promise<unknown> }> {
  const connection = await connectRaw({ port });
  connection.write(`GET /sleep?ms=${ms} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  const { pid } = await master.event('request');
  return { pid, over: connection.ended(2 * ms) };
}

eachSharing(['shared', 'sharded'] as const)(
  'L2 %s: while one of 4 workers is blocked for 30 s, none of 200 connections waits for it',
  async (sharing) => {
    const { master, port } = await startReadyFleet({ options: { sharing, workers: 4 } });
    const client = startMaster('burst', { args: [JSON.stringify({ port })] });
    // Client and workers have compiled what they need.
    for (let round = 0; round < 4; round++) await burst(client, 200);
    const { pid: blocked } = await blockOne(master, port, BLOCKED);
    const answers = await burst(client, 200);
    expect(Math.max(...answers.map(({ ms }) => ms))).toBeLessThan(AT_MOST);
    expect(answers.map(({ pid }) => pid)).not.toContain(blocked);
  },
  patience(120_000),
);

testOn('sharding')('L2 sharded: a worker that was blocked gets its share again', async () => {
  const { master, port } = await startReadyFleet({ options: { sharing: 'sharded', workers: 2 } });
  const client = startMaster('burst', { args: [JSON.stringify({ port })] });
  await burst(client, 20);
  const { pid: blocked, over } = await blockOne(master, port, 10_000);
  expect((await burst(client, 20)).map(({ pid }) => pid)).not.toContain(blocked);
  await over;
  const shares = [];
  for (let i = 0; i < 100; i++) shares.push(...(await burst(client, 1)));
  expect(shares.filter(({ pid }) => pid === blocked).length).toBeGreaterThan(20);
});
