import { expect } from 'vitest';
import { connectRaw, type Master, startMaster, startReadyFleet, testOn } from '../../helpers/index.js';
import { eachSharing } from '../../helpers/sharing.js';

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
  return { pid, over: connection.ended() };
}

eachSharing(['shared', 'sharded'] as const)(
  'L2 %s: while one of 4 workers is blocked for 3 s, none of 200 connections is answered later than 500 ms',
  async (sharing) => {
    const { master, port } = await startReadyFleet({ options: { sharing, workers: 4 } });
    const client = startMaster('burst', { args: [JSON.stringify({ port })] });
    const usual: number[] = [];
    for (let round = 0; round < 4; round++) usual.push(...(await burst(client, 200)).map(({ ms }) => ms));
    const { pid: blocked, over } = await blockOne(master, port, 3_000);
    const answers = await burst(client, 200);
    // On a machine that is too busy to answer as many without any block, waiting proves nothing.
    expect(Math.max(...answers.map(({ ms }) => ms))).toBeLessThan(Math.max(500, 4 * Math.max(...usual)));
    expect(answers.map(({ pid }) => pid)).not.toContain(blocked);
    await over;
  },
);

testOn('sharding')('L2 sharded: a worker that was blocked gets its share again', async () => {
  const { master, port } = await startReadyFleet({ options: { sharing: 'sharded', workers: 2 } });
  const client = startMaster('burst', { args: [JSON.stringify({ port })] });
  await burst(client, 20);
  const { pid: blocked, over } = await blockOne(master, port, 5_000);
  expect((await burst(client, 20)).map(({ pid }) => pid)).not.toContain(blocked);
  await over;
  const shares = [];
  for (let i = 0; i < 100; i++) shares.push(...(await burst(client, 1)));
  expect(shares.filter(({ pid }) => pid === blocked).length).toBeGreaterThan(20);
});
