import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { eventually, type Master, patience, startMaster } from '../../helpers/index.js';
import { expectNothingLost, startLoad } from '../../helpers/load.js';

const LONG = { drainTimeout: patience(30_000), shutdownGracePeriod: patience(30_000) };

interface Fleet {
  readonly master: Master;
  readonly pids: readonly number[];
  readonly port: number;
}

async function start(upstream: number, options: object = {}, cleanup = ''): Promise<Fleet> {
  const args = [String(upstream), JSON.stringify({ ...LONG, ...options }), cleanup];
  const master = startMaster('answers-its-way', { args });
  const { pids, addresses } = await master.event('ready');
  return { master, pids, port: addresses[0].port };
}

async function stop({ master }: Fleet): Promise<void> {
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
}

/** What proxies copy: an answer that says how long its connection is kept. */
async function startUpstream(): Promise<number> {
  // Longer than the test: a worker that gets no CPU meanwhile would ask on a connection that has just ended.
  const server = http.createServer({ keepAliveTimeout: 600_000 }, (_, response) => {
    response.writeHead(200, ['X-Upstream', 'a', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2']).end('up');
  });
  server.listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise((resolve) => server.once('listening', resolve));
  return (server.address() as AddressInfo).port;
}

test(
  'N5e reverse proxies and apps that set Connection move their clients with the first answer of a drain: nothing is lost, no worker stays',
  async () => {
    const fleet = await start(await startUpstream());
    const { master, port, pids } = fleet;
    const loads = ['/headers', '/raw', '/set', '/flushed', '/removed'].map((url) =>
      startLoad({ port, mode: 'keep-alive', url, concurrency: 4 }),
    );
    for (let generation = 1; generation <= 2; generation++) {
      await Promise.all(loads.map((load) => load.answered(20)));
      expect(await master.call('reload')).toMatchObject({ ok: true, generation });
      const nth = generation * pids.length;
      const exit = await master.event('exit', { nth });
      expect(exit).toMatchObject({ code: 0, signal: null });
    }
    for (const load of loads) {
      await load.answered(20);
      const report = await load.stop();
      expectNothingLost(report);
      // Kept, and moved only by the reloads.
      expect(report.opened).toBeLessThan(report.asked / 2);
    }
    expect(master.stderr).not.toMatch(/not done|ended \d+ idle/);
    await stop(fleet);
  },
  patience(180_000),
);

/** A client of a stream: comes back on the same connection where it can, 100 ms after its stream ended, as EventSource does. */
class Follower {
  readonly generations: number[] = [];
  readonly failures: string[] = [];
  reused = 0;
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  #over = false;

  constructor(port: number, path: string, pause: number) {
    void this.#follow(port, path, pause);
  }

  async #follow(port: number, path: string, pause: number): Promise<void> {
    while (!this.#over) {
      await new Promise<void>((resolve) => {
        const request = http.get({ port, path, agent: this.#agent }, (response) => {
          if (request.reusedSocket) this.reused++;
          response.setEncoding('utf8').on('data', (text: string) => {
            const [, generation] = /"generation":(\d+)/.exec(text) ?? [];
            if (generation !== undefined) this.generations.push(Number(generation));
          });
          response.on('end', resolve);
          response.on('error', ({ message }) => {
            if (!this.#over) this.failures.push(message);
            resolve();
          });
        });
        request.on('error', ({ message }) => {
          if (!this.#over) this.failures.push(message);
          resolve();
        });
      });
      await delay(pause);
    }
  }

  end(): void {
    this.#over = true;
    this.#agent.destroy();
  }
}

/** The second is that of a client, a worker and a test that get a CPU. */
const LATE = { retry: 2 };

for (const [what, path, pause] of [
  ['an event stream', '/events', 100],
  ['an event stream that comes back at once', '/events', 0],
  ['a stream of any other kind', '/lines', 100],
  ['a stream of any other kind that comes back at once', '/lines', 0],
] as const) {
  test(
    `N5f a client of ${what}, which ends when worker.signal aborts, is led to a worker that stays within a second`,
    LATE,
    async () => {
      const fleet = await start(0, { workers: 1 });
      const { master, port } = fleet;
      const follower = new Follower(port, path, pause);
      onTestFinished(() => follower.end());
      await eventually(() => follower.generations.length === 1, { what: 'the stream begins' });
      const reloaded = master.call('reload');
      reloaded.catch(() => {});
      await master.event('exit', { within: patience(20_000) });
      const before = performance.now();
      await eventually(() => follower.generations.at(-1) === 1, { what: 'the new generation is heard' });
      // The old worker left, so its connection had ended: what remains is the client's pause.
      expect(performance.now() - before).toBeLessThan(patience(1_000));
      expect(await reloaded).toMatchObject({ ok: true });
      if (path === '/events' && pause > 0) expect(follower.generations).toEqual([0, 1]);
      // Meeting the old worker again is allowed once, where it says `close`.
      expect(follower.generations.filter((generation) => generation === 0).length).toBeLessThanOrEqual(2);
      if (path === '/lines' || pause > 0) expect(follower.failures).toEqual([]);
      expect(master.stderr).not.toContain('not done');
      follower.end();
      await stop(fleet);
    },
  );
}

test('N5g a worker that a timer of the app keeps alive says so a second after its drain, and has its time to clean up', async () => {
  const deadlines = { drainTimeout: patience(5_000), shutdownGracePeriod: 1_000 };
  const fleet = await start(0, { workers: 1, ...deadlines }, '1500');
  const { master } = fleet;
  await master.call('reload');
  await master.logged(/worker 0 \(pid \d+, generation 0\): drained 1000 ms ago, .* kept alive by \d+ Timeout/);
  await master.event('cleaned up');
  // At the deadline, in any case.
  await master.event('exit');
  expect(master.stderr).toContain('not done');
  await stop(fleet);
});

test('N5g with exitAfterDrain a worker that a timer of the app keeps alive is gone when it has drained', async () => {
  const fleet = await start(0, { exitAfterDrain: true }, '60000');
  const { master, pids } = fleet;
  await master.call('reload');
  const before = performance.now();
  expect(await master.event('exit', { nth: pids.length })).toMatchObject({ code: 0, signal: null });
  expect(performance.now() - before).toBeLessThan(patience(5_000));
  expect(master.stderr).not.toContain('drained 1000 ms ago');
  // The code behind prefork() had its turn.
  expect(master.events('settled')).toHaveLength(pids.length);
  await stop(fleet);
  expect(master.stderr).not.toContain('not done');
});

test('N5g exitAfterDrain in milliseconds lets the code behind prefork() clean up', async () => {
  const fleet = await start(0, { workers: 1, exitAfterDrain: patience(5_000) }, '100');
  const { master } = fleet;
  await master.call('reload');
  await master.event('cleaned up');
  expect(await master.event('exit', { within: patience(15_000) })).toMatchObject({ code: 0, signal: null });
  expect(master.stderr).not.toContain('not done');
  await stop(fleet);
});
