// The package's own fleet, in each of its ways of sharing. 'plain' is 'shared' without the workers' line (servers.mjs sets
// PREFORK_ACCEPT=plain).
import { isChild, Prefork } from 'prefork';
import { makeApp } from './app.mjs';

export async function preforked({ mode, workers, app: wanted, tls, fleet: options }) {
  const fleet = new Prefork({
    listen: '127.0.0.1:0',
    workers,
    sharing: mode === 'plain' ? 'shared' : mode,
    logger: false,
    recoverThreshold: Infinity,
    recoverInterval: 0,
    ...(tls ? { tls } : {}),
    ...options,
    serve: async (listener, worker) => {
      const { server, leave } = await makeApp({ ...wanted, ...(tls ? { tls: worker.tls } : {}) });
      worker.signal.addEventListener('abort', leave);
      return server.listen(listener);
    },
  });
  if (isChild()) {
    await fleet.listenAndServe();
    return undefined;
  }
  const pids = () => [process.pid, ...fleet.workers.filter(({ state }) => state === 'ready').map(({ pid }) => pid)];
  return {
    async start() {
      await fleet.start();
      return { port: fleet.addresses[0].port, pids: pids() };
    },
    pids,
    async reload() {
      const { ok, error } = await fleet.reload();
      if (!ok) throw error;
    },
    scale: (target) => fleet.scale(target),
    stop: () => fleet.stop({ gracePeriod: 1_000 }),
  };
}
