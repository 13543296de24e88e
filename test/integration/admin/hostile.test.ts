/** What a client of the admin door sends costs its own connection, and nothing else. */

import fc from 'fast-check';
import { expect } from 'vitest';
import type { PreforkOptions } from '../../../lib/types.js';
import { newDoor, prefork, type RawClient, rawClient } from '../../helpers/admin.js';
import {
  bounded,
  eventually,
  httpGet,
  type Master,
  openFds,
  patience,
  residentMemoryOf,
  startReadyFleet,
  target,
  testOn,
} from '../../helpers/index.js';

const test = testOn('residentMemory');
const testHalfClosed = testOn('residentMemory', 'halfClosedDoors');

const { PREFORK_FUZZ_SEED: seed = '20260101' } = process.env;
const MIB = 1024 * 1024;
/** Milliseconds: the master ends in 10 s in any case what a stranger has not finished. */
const IN_TIME = 5_000;

interface Fleet {
  readonly master: Master;
  readonly admin: string;
  readonly port: number;
}

async function fleetWithDoor(options: Partial<PreforkOptions> = {}): Promise<Fleet> {
  const admin = newDoor();
  const { master, port } = await startReadyFleet({ options: { admin, workers: 1, ...options } });
  return { master, admin, port };
}

/** The master goes on: it answers, and so does its worker, which is the same as before. */
async function expectUnharmed({ master, admin, port }: Fleet): Promise<void> {
  const client = await rawClient(admin);
  expect(await client.ask('status')).toMatchObject({ result: { pid: master.pid, state: 'running', recoveries: 0 } });
  client.socket.destroy();
  expect((await httpGet({ port })).status).toBe(200);
}

/** Resident memory of the master in bytes. */
async function memoryOf({ master }: Fleet): Promise<number> {
  return target.lacks.proc === undefined ? residentMemoryOf(master.pid) : await master.call('residentMemory');
}

/** Descriptors that the master has; none where its system does not show them. */
function held({ master }: Fleet): number {
  return target.lacks.proc === undefined ? openFds(master.pid).size : 0;
}

async function endWell({ master }: Fleet): Promise<void> {
  expect(master.stderr).not.toMatch(/uncaught|Error:/i);
  await master.call('stop');
  expect((await master.gone()).code).toBe(0);
}

/** A request, or what looks a little like one. None of them changes the fleet. */
const request = fc.oneof(
  fc.json({ maxDepth: 4 }),
  fc.string({ maxLength: 300, unit: 'binary' }),
  fc
    .record(
      {
        v: fc.oneof(fc.constant(1), fc.jsonValue()),
        id: fc.oneof(fc.integer(), fc.string(), fc.jsonValue()),
        method: fc.oneof(
          fc.constantFrom('status', 'scale', 'Status', '__proto__', 'constructor', 'toString', ''),
          fc.jsonValue(),
        ),
        params: fc.oneof(
          fc.constant({}),
          fc.constant({ workers: 0 }),
          fc.constant({ gracePeriod: -1 }),
          fc.jsonValue(),
        ),
      },
      { requiredKeys: [] },
    )
    .map((value) => JSON.stringify(value)),
  fc.constant('{"v":1,"id":1,"method":"status"}'),
  fc.constant('{"v":1,"method":"scale","params":{"workers":1.5,"__proto__":{"by":1}}}'),
  fc.constant(`${'['.repeat(8_000)}`),
  fc.constant(`{"v":1,"id":"${'x'.repeat(2_000)}","method":"status"}`),
);

/** Elsewhere each takes its way through a program beside the door. */
const elsewhere = target.agent !== undefined;
const REQUESTS = elsewhere ? 2_000 : 10_000;
const CROWD = elsewhere ? 200 : 1_000;
const PER_CONNECTION = 25;

test(
  `R5g ${REQUESTS} requests of any kind: valid ones are answered, the others cost at most their connection`,
  async () => {
    const fleet = await fleetWithDoor();
    const before = await memoryOf(fleet);
    const batches = fc.sample(fc.array(request, { minLength: PER_CONNECTION, maxLength: PER_CONNECTION }), {
      seed: Number(seed),
      numRuns: REQUESTS / PER_CONNECTION,
    });
    for (const [i, lines] of batches.entries()) {
      const client = await rawClient(fleet.admin);
      const bytes = Buffer.from(`${lines.join('\n')}\n`);
      // In pieces of any size: the seed decides that as well.
      const cut = (i * 7_919) % bytes.length;
      client.send(bytes.subarray(0, cut));
      client.send(bytes.subarray(cut));
      client.socket.end();
      await bounded(client.closed, 10_000, `batch ${i} is over (seed ${seed})`);
      for (const answer of client.answers) expect(answer).toMatchObject({ v: 1 });
      expect(client.answers.length, `batch ${i}, seed ${seed}`).toBeGreaterThan(0);
    }
    expect((await memoryOf(fleet)) - before).toBeLessThan(64 * MIB);
    await expectUnharmed(fleet);
    expect(await fleet.master.call('status')).toMatchObject({ generation: 0, workers: [{ slot: 0 }] });
    await endWell(fleet);
  },
  patience(120_000),
);

test('R5g a line that is too long, or has no end, is refused before it is read to its end', async () => {
  const fleet = await fleetWithDoor();
  const before = await memoryOf(fleet);
  const endless = await rawClient(fleet.admin);
  const piece = Buffer.alloc(MIB, 'x');
  for (let i = 0; i < 256 && !endless.socket.destroyed; i++)
    await new Promise<void>((resolve) => endless.socket.write(piece, () => resolve()));
  await endless.closed;
  expect(endless.answers).toEqual([
    { v: 1, id: null, error: { code: 'ERR_PREFORK_ADMIN_REQUEST', message: expect.stringContaining('16384 bytes') } },
  ]);
  const long = await rawClient(fleet.admin);
  long.send(`{"v":1,"method":"status","params":{"x":"${'y'.repeat(20_000)}"}}\n`);
  await long.closed;
  expect((await memoryOf(fleet)) - before).toBeLessThan(32 * MIB);
  await expectUnharmed(fleet);
  await endWell(fleet);
});

test('R5g binary garbage ends its connection, and no other one', async () => {
  const fleet = await fleetWithDoor();
  const other = await rawClient(fleet.admin);
  await other.ask('status');
  const client = await rawClient(fleet.admin);
  client.send(Buffer.from(Array.from({ length: 4_096 }, (_, i) => (i * 37) % 256)));
  await client.closed;
  expect(await other.ask('status')).toMatchObject({ result: { state: 'running' } });
  await endWell(fleet);
});

test('R5g a request whose id, version, method or parameter is wrong is answered with a code, and the connection goes on', async () => {
  const fleet = await fleetWithDoor();
  const client = await rawClient(fleet.admin);
  const codes: string[] = [];
  for (const line of [
    '{"v":2,"id":1,"method":"status"}',
    '{"id":1,"method":"status"}',
    '{"v":1,"id":1,"method":"__proto__"}',
    '{"v":1,"id":1,"method":"reload","params":{"now":true}}',
    '{"v":1,"id":1,"method":"scale","params":{"workers":"4"}}',
    '{"v":1,"id":1,"method":"scale","params":{"workers":4,"by":1}}',
    '{"v":1,"id":1,"method":"stop","params":{"gracePeriod":-1}}',
  ]) {
    client.send(`${line}\n`);
    const answer = (await client.answered(codes.length + 1)).at(-1);
    codes.push(answer !== undefined && 'error' in answer ? answer.error.code : 'none');
  }
  expect(codes).toEqual([
    'ERR_PREFORK_ADMIN_VERSION',
    'ERR_PREFORK_ADMIN_VERSION',
    'ERR_PREFORK_ADMIN_METHOD',
    ...Array.from({ length: 4 }, () => 'ERR_PREFORK_ADMIN_PARAMS'),
  ]);
  expect(await client.ask('status')).toMatchObject({ result: { state: 'running' } });
  // What was refused is not in the log as if it had been done.
  expect(fleet.master.stderr).not.toContain('admin door: ');
  client.send('{"v":1,"id":[1],"method":"status"}\n');
  await client.closed;
  await endWell(fleet);
});

test(
  `R5h ${CROWD} connections keep out neither a client that is there nor one that comes, and cost few descriptors`,
  async () => {
    const fleet = await fleetWithDoor();
    const known = await rawClient(fleet.admin);
    await known.ask('status');
    const before = held(fleet);
    const crowd: RawClient[] = [];
    for (let i = 0; i < CROWD; i++) {
      const client = await eventually(() => rawClient(fleet.admin), { what: 'a place in the queue', within: IN_TIME });
      // Half a line, each.
      client.send('{"v":1,"id":1,"meth');
      crowd.push(client);
    }
    await eventually(() => held(fleet) <= before + 64, {
      what: 'the master holds 64 connections at the most',
      within: IN_TIME,
    });
    expect(await known.ask('status')).toMatchObject({ result: { state: 'running' } });
    const { code, stdout } = await prefork(['status', `--admin=${fleet.admin}`]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('running') });
    expect((await httpGet({ port: fleet.port })).status).toBe(200);
    for (const { socket } of crowd) socket.destroy();
    await eventually(() => held(fleet) <= before, { what: 'the crowd is gone', within: IN_TIME });
    await endWell(fleet);
  },
  patience(120_000),
);

test('R5h where 64 clients ask and stay, one more is told that the master is busy', async () => {
  const fleet = await fleetWithDoor();
  const clients = await Promise.all(Array.from({ length: 64 }, () => rawClient(fleet.admin)));
  await Promise.all(clients.map((client) => client.ask('status')));
  const late = await rawClient(fleet.admin);
  await late.closed;
  expect(late.answers).toMatchObject([{ id: null, error: { code: 'ERR_PREFORK_ADMIN_BUSY' } }]);
  const { code, stderr } = await prefork(['status', `--admin=${fleet.admin}`]);
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('64 clients') });
  for (const client of clients) expect(client.socket.destroyed).toBe(false);
  for (const { socket } of clients) socket.destroy();
  await eventually(async () => (await prefork(['status', `--admin=${fleet.admin}`])).code === 0);
  await endWell(fleet);
});

test('R5h a client that waits for its first answer is not thrown out by those who come meanwhile', async () => {
  const fleet = await fleetWithDoor({ readyFor: 500 });
  const waiting = await rawClient(fleet.admin);
  const answer = waiting.ask('reload');
  await fleet.master.logged(/reloading: generation 1/);
  const crowd = await Promise.all(Array.from({ length: 100 }, () => rawClient(fleet.admin)));
  expect(await answer).toMatchObject({ result: { ok: true, generation: 1 } });
  for (const { socket } of [waiting, ...crowd]) socket.destroy();
  await endWell(fleet);
});

test('R5h of 100 clients that ask at once, each is answered, or told that the master is busy', async () => {
  const fleet = await fleetWithDoor();
  const asked = async (): Promise<string> => {
    const client = await rawClient(fleet.admin);
    client.send('{"v":1,"id":1,"method":"status"}\n');
    const [answer] = await client.answered(1);
    if (answer === undefined) return 'cut';
    return 'error' in answer ? answer.error.code : 'answered';
  };
  const outcomes = await Promise.all(Array.from({ length: 100 }, asked));
  expect(outcomes.filter((outcome) => !['answered', 'ERR_PREFORK_ADMIN_BUSY'].includes(outcome))).toEqual([]);
  expect(outcomes.filter((outcome) => outcome === 'answered').length).toBeGreaterThanOrEqual(64);
  await endWell(fleet);
});

test('R5h clients that ask and do not read cost the master a bounded amount of memory, and no delay of others', async () => {
  const fleet = await fleetWithDoor();
  const before = await memoryOf(fleet);
  const lines = Buffer.from('{"v":1,"id":1,"method":"status"}\n'.repeat(50_000));
  const slow = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const client = await rawClient(fleet.admin);
      client.socket.pause();
      // A million requests: the master reads no more of them than it can answer.
      client.send(lines);
      return client;
    }),
  );
  const other = await rawClient(fleet.admin);
  for (let i = 0; i < 50; i++) {
    const began = performance.now();
    expect(await other.ask('status')).toMatchObject({ result: { state: 'running' } });
    expect(performance.now() - began).toBeLessThan(patience(5_000));
  }
  expect((await memoryOf(fleet)) - before).toBeLessThan(64 * MIB);
  expect((await httpGet({ port: fleet.port })).status).toBe(200);
  for (const { socket } of slow) socket.destroy();
  await expectUnharmed(fleet);
  await endWell(fleet);
});

test('R5h a client that asks and reads gets every answer, in the order of its requests', async () => {
  const fleet = await fleetWithDoor();
  const client = await rawClient(fleet.admin);
  const count = 2_000;
  client.send(Array.from({ length: count }, (_, id) => `{"v":1,"id":${id},"method":"status"}\n`).join(''));
  const answers = await client.answered(count);
  expect(answers.map(({ id }) => id)).toEqual(Array.from({ length: count }, (_, id) => id));
  await endWell(fleet);
});

testHalfClosed('R5h a client that ends its side gets the answers that are due: echo | nc -U', async () => {
  const fleet = await fleetWithDoor();
  const client = await rawClient(fleet.admin);
  client.socket.end('{"v":1,"id":1,"method":"scale","params":{"workers":2}}\n');
  await client.closed;
  expect(client.answers).toEqual([{ v: 1, id: 1, result: { from: 1, to: 2 } }]);
  await endWell(fleet);
});
