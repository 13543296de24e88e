/** `prefork --sharing sharded`: a socket for each slot, of every address that the program asks for. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { type Hosted, readyPort, startCommand, startHosted } from '../../helpers/command.js';
import {
  connectRaw,
  eventually,
  httpGet,
  type Master,
  patience,
  processInfo,
  sendSignal,
  startMaster,
  testOn,
} from '../../helpers/index.js';
import { expectNothingLost, reloadThrice, startLoad } from '../../helpers/load.js';

const test = testOn('sharding');

function start(hosted: Hosted, workers = 3, ...options: readonly string[]): Master {
  return startHosted(
    { keeps: true, ...hosted },
    { options: ['--workers', String(workers), '--sharing', 'sharded', '--ready-for', '0', ...options] },
  );
}

async function freeze(pid: number): Promise<void> {
  sendSignal(pid, 'SIGSTOP');
  await eventually(() => processInfo(pid)?.state === 'T', { what: `process ${pid} stops` });
}

/** How many of so many requests, one after the other, each worker has answered. None may wait. */
async function shares(port: number, requests: number): Promise<ReadonlyMap<number, number>> {
  const answered = new Map<number, number>();
  for (let i = 0; i < requests; i++) {
    const { pid } = (await httpGet({ port })).json();
    answered.set(pid, (answered.get(pid) ?? 0) + 1);
  }
  return answered;
}

/** {@link shares} of up to five rounds, until it holds: a worker that gets no CPU for a while has less than its share. */
async function shareOut(
  port: number,
  requests: number,
  holds: (answered: ReadonlyMap<number, number>) => boolean,
): Promise<ReadonlyMap<number, number>> {
  for (let left = 4; ; left--) {
    const answered = await shares(port, requests);
    if (left === 0 || holds(answered)) return answered;
  }
}

test('D4a 400 connections, one after the other, are spread evenly over 4 workers', async () => {
  const fleet = start({}, 4);
  const isEven = (answered: ReadonlyMap<number, number>) =>
    answered.size === 4 && [...answered.values()].every((count) => count >= 60 && count <= 140);
  const answered = await shareOut(await readyPort(fleet), 400, isEven);
  expect([...answered.keys()].sort()).toEqual([...fleet.workers()].sort());
  for (const count of answered.values()) {
    expect(count).toBeGreaterThanOrEqual(60);
    expect(count).toBeLessThanOrEqual(140);
  }
});

for (const mode of ['per-request', 'keep-alive'] as const) {
  test(
    `D4b three reloads lose no request, of a server that listens at once nor of one that listens late: ${mode}`,
    async () => {
      const fleet = start({ late: [{ port: 0, host: '127.0.0.1' }] });
      const first = await readyPort(fleet);
      const { address } = await fleet.event('listening', { where: ({ when }) => when === 'late', nth: 3 });
      const loads = [first, address.port].map((port) => startLoad({ port, mode }));
      await reloadThrice(fleet, loads);
      await eventually(() => fleet.workers().length === 3, { what: 'no replaced worker is left' });
    },
    patience(120_000),
  );
}

test('D4c what waits for a worker that stands still the others answer, also when it is killed, and its slot is filled again', async () => {
  const fleet = start({}, 3);
  const port = await readyPort(fleet);
  const [victim, ...others] = fleet.workers() as [number, number, number];
  await freeze(victim);
  const answers = Array.from({ length: 100 }, () => httpGet({ port, within: 10_000 }));
  await Promise.race(answers);
  sendSignal(victim, 'SIGKILL');
  for (const answer of await Promise.all(answers)) expect(answer.json().pid).not.toBe(victim);
  await fleet.logged(`took over from pid ${victim}`);
  const all = (answered: ReadonlyMap<number, number>) =>
    answered.size === 3 && others.every((pid) => (answered.get(pid) ?? 0) > 10);
  const answered = await shareOut(port, 100, all);
  for (const pid of others) expect(answered.get(pid)).toBeGreaterThan(10);
  expect(answered.size).toBe(3);
});

test('D4c 20 SIGKILLs of workers refuse no client and leave none waiting', async () => {
  const fleet = start(
    { late: [{ port: 0, host: '127.0.0.1' }] },
    3,
    '--recover-threshold',
    'Infinity',
    '--recover-interval',
    '0',
  );
  const first = await readyPort(fleet);
  const { address } = await fleet.event('listening', { where: ({ when }) => when === 'late', nth: 3 });
  const loads = [first, address.port].map((port) => startLoad({ port, mode: 'per-request', concurrency: 4 }));
  for (let kill = 0; kill < 20; ) {
    for (const load of loads) await load.answered(5);
    const pids = fleet.workers();
    try {
      sendSignal(pids[kill % pids.length] as number, 'SIGKILL');
      kill++;
    } catch (error) {
      // The one that was killed before got no CPU to end until now.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
  for (const load of loads) {
    await load.answered(20);
    const report = await load.stop();
    // Reset is what a killed worker had accepted.
    expect(report, report.failures.join('\n')).toMatchObject({ refused: 0, other: 0, endedBy: 'user' });
    expect(report.reset).toBe(report.asked - report.answered);
    expect(report.reset).toBeLessThanOrEqual(20 * 4);
  }
});

test('D4d while one of 4 workers is blocked none of 200 connections waits long, and none is answered by it', async () => {
  const fleet = start({}, 4);
  const port = await readyPort(fleet);
  const client = startMaster('burst', { args: [JSON.stringify({ port })] });
  const burst = async (): Promise<{ ms: number; pid: number }[]> => await client.call('burst', 200);
  // Client and workers have compiled what they need.
  for (let round = 0; round < 4; round++) await burst();
  const connection = await connectRaw({ port });
  connection.write('GET /blocks HTTP/1.1\r\nHost: x\r\n\r\n');
  const { from: blocked } = await fleet.event('blocks');
  const answers = await burst();
  // A client that waits for it waits for ever, and the others for 100 ms where the CPUs have nothing else to do.
  expect(Math.max(...answers.map(({ ms }) => ms))).toBeLessThan(10_000);
  expect(answers.map(({ pid }) => pid)).not.toContain(blocked);
});

test('D4e an address that one worker listens on is served by that one alone, and its death hands it to its successor', async () => {
  const fleet = start({ only: { worker: 2, listens: [{ port: 0, host: '127.0.0.1' }] } }, 3, '--recover-interval', '0');
  await readyPort(fleet);
  const { address, from } = await fleet.event('listening', { where: ({ when }) => when === 'only' });
  await eventually(() => fleet.stderr.includes('workers are ready'), { what: 'all are ready' });
  expect(await shares(address.port, 60)).toEqual(new Map([[from, 60]]));
  sendSignal(from, 'SIGKILL');
  const answers = Promise.allSettled(Array.from({ length: 30 }, () => httpGet({ port: address.port, within: 10_000 })));
  const again = await fleet.event('listening', { where: ({ when }) => when === 'only', nth: 2 });
  const [successor] = [again.from];
  for (const outcome of await answers) {
    // Accepted by the one that died, at the most.
    if (outcome.status === 'fulfilled') expect([from, successor]).toContain(outcome.value.json().pid);
    else expect(outcome.reason.code).toBe('ECONNRESET');
  }
  expect(await shares(address.port, 30)).toEqual(new Map([[successor, 30]]));
});

test('D4e a worker that closes its server leaves the address to the others, and what waits there, too', async () => {
  const fleet = start({ listens: [{ port: 0 }, { port: 0, host: '127.0.0.1' }] });
  await readyPort(fleet);
  const { address } = await fleet.event('listening', { where: (event) => event.address.address === '127.0.0.1' });
  const { pid: closed } = (await httpGet({ port: address.port, path: '/close' })).json();
  const answered = await shareOut(address.port, 60, ({ size }) => size === 2);
  expect([...answered.keys()].sort()).toEqual(
    fleet
      .workers()
      .filter((pid) => pid !== closed)
      .sort(),
  );
});

test('D4f an address that the new code does not use is closed after the reload, and what its workers had accepted is answered', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'config.json');
  writeFileSync(file, JSON.stringify({ listens: [{ port: 0 }, { port: 0, host: '127.0.0.1' }] }));
  const fleet = startCommand({ options: ['--workers', '3', '--sharing', 'sharded'], args: [`@${file}`] });
  const kept = await readyPort(fleet);
  const { address } = await fleet.event('listening', { where: (event) => event.address.address === '127.0.0.1' });
  const slow = Array.from({ length: 9 }, () => httpGet({ port: address.port, path: '/slow/1500' }));
  await fleet.event('asked', { nth: 9 });
  writeFileSync(file, JSON.stringify({ listens: [{ port: 0 }] }));
  fleet.kill('SIGHUP');
  await fleet.logged(`127.0.0.1:${address.port} is closed: no new worker listens there`);
  for (const answer of await Promise.all(slow)) expect(answer.status).toBe(200);
  const gone = (): Promise<boolean> =>
    httpGet({ port: address.port }).then(
      () => false,
      ({ code }) => code === 'ECONNREFUSED',
    );
  await eventually(gone, { what: 'nothing listens there' });
  expect((await httpGet({ port: kept })).status).toBe(200);
});

// A client that has connected and says nothing for 250 ms is one that says nothing: this process may get no CPU for so long.
test(
  'D4g a stop answers everything that was accepted or has connected, on every address',
  async () => {
    const fleet = start({ listens: [{ port: 0 }, { port: 0, host: '127.0.0.1' }] });
    const first = await readyPort(fleet);
    const { address } = await fleet.event('listening', { where: (event) => event.address.address === '127.0.0.1' });
    const slow = [first, address.port].flatMap((port) =>
      Array.from({ length: 12 }, () => httpGet({ port, path: '/slow/500' })),
    );
    await fleet.event('asked', { nth: 24 });
    const clients = await Promise.all(Array.from({ length: 12 }, () => connectRaw({ port: address.port })));
    fleet.kill();
    for (const client of clients) client.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    for (const answer of await Promise.all(slow)) expect(answer.status).toBe(200);
    for (const client of clients) expect(await client.until('"pid":')).toContain('200 OK');
    expect(await fleet.gone()).toEqual({ code: 0, signal: null });
  },
  { retry: 2 },
);

test('D4h slots that are added get their sockets, also of addresses that were asked for before, and a removed one leaves none waiting', async () => {
  const fleet = start({ late: [{ port: 0, host: '127.0.0.1' }] }, 2);
  await readyPort(fleet);
  const { address } = await fleet.event('listening', { where: ({ when }) => when === 'late', nth: 2 });
  const load = startLoad({ port: address.port, mode: 'per-request' });
  for (let workers = 3; workers <= 4; workers++) {
    fleet.kill('SIGTTIN');
    await fleet.event('listening', { where: ({ when }) => when === 'late', nth: workers });
    await load.answered(50);
  }
  for (let workers = 3; workers >= 2; workers--) {
    fleet.kill('SIGTTOU');
    await eventually(() => fleet.workers().length === workers, { what: `${workers} workers are left` });
    await load.answered(50);
  }
  const report = await load.stop();
  expectNothingLost(report);
  expect(Object.keys(report.pids)).toHaveLength(4);
});
