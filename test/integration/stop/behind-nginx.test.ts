import { Agent, request } from 'node:http';
import { expect } from 'vitest';
import { freePort } from '../../helpers/free-port.js';
import { type Master, patience, startReadyFleet, testWhen } from '../../helpers/index.js';
import { canRunNginx, startNginx } from '../../helpers/nginx.js';

const RESTARTS = 12;
/** Requests, and milliseconds between two lots of them. */
const [LOT, EVERY] = [6, 20];

interface Posts {
  /** Waits for so many further answers. */
  answered(more: number): Promise<void>;
  /** How often each answer came. */
  stop(): Promise<Readonly<Record<string, number>>>;
}

/** 300 POSTs a second, without waiting for their answers. */
function postSteadily(port: number): Posts {
  const agent = new Agent({ keepAlive: true });
  const outcomes: Record<string, number> = {};
  const pending = new Set<Promise<void>>();
  let count = 0;
  let heard = (): void => {};
  const post = async (): Promise<void> => {
    const outcome = await new Promise<string>((resolve) => {
      const asked = request({ port, host: '127.0.0.1', method: 'POST', path: '/slow?ms=2', agent }, (response) => {
        response.resume().on('end', () => resolve(String(response.statusCode)));
      });
      asked.setTimeout(patience(10_000), () => asked.destroy(new Error('no answer')));
      asked.on('error', ({ message }) => resolve(message));
      asked.end('hello');
    });
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    count++;
    heard();
  };
  const timer = setInterval(() => {
    for (let i = 0; i < LOT; i++) {
      const asking = post().finally(() => pending.delete(asking));
      pending.add(asking);
    }
  }, EVERY);
  return {
    async answered(more) {
      const enough = count + more;
      while (count < enough) await new Promise<void>((resolve) => (heard = resolve));
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(pending);
      agent.destroy();
      return outcomes;
    },
  };
}

testWhen(canRunNginx(), 'needs nginx', 'signals')(
  `N7n two fleets that are restarted in turn behind nginx, ${RESTARTS} times, cost no POST its answer`,
  async () => {
    const ports = [await freePort(), await freePort()];
    const start = async (port: number): Promise<Master> =>
      (
        await startReadyFleet({
          serve: 'http that keeps',
          options: { workers: 2, listen: { host: '127.0.0.1', port } },
        })
      ).master;
    const fleets = await Promise.all(ports.map(start));
    const nginx = await startNginx(ports);
    const posts = postSteadily(nginx.port);
    await posts.answered(100);
    for (let restart = 0; restart < RESTARTS; restart++) {
      const which = restart % 2;
      const fleet = fleets[which] as Master;
      fleet.kill('SIGTERM');
      expect(await fleet.gone()).toEqual({ code: 0, signal: null });
      fleets[which] = await start(ports[which] as number);
      // So many that nginx keeps connections to both of them again.
      await posts.answered(150);
    }
    const outcomes = await posts.stop();
    expect(outcomes, nginx.errors()).toEqual({ 200: expect.any(Number) });
    for (const fleet of fleets) {
      fleet.kill('SIGTERM');
      expect(await fleet.gone()).toEqual({ code: 0, signal: null });
    }
  },
  patience(120_000),
);
