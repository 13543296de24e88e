// Fastify with prefork: `listen(app, { listen: 3000 })` instead of `app.listen({ port: 3000 })`. Copy it and change the banner.
import { isChild, Prefork } from 'prefork';

/**
 * Runs in the master and in every worker. Settles in the master when the fleet has stopped, in a worker when it has drained and its
 * `onClose` hooks have run. Plugins are loaded in workers only.
 * @param app A Fastify instance.
 * @param options Everything that prefork takes but `serve`.
 */
export async function listen(app, options) {
  const fleet = new Prefork({
    ...options,
    async serve(listener) {
      await app.ready();
      return app.server.listen(listener);
    },
    // Runs in the master only, once: however many workers there are or will be, there is one banner.
    async onMasterReady(pids) {
      const { sharing, addresses } = fleet.status();
      console.log(`Fastify ${app.version} prefork ${sharing} on ${addresses.map(show).join(', ')}`);
      console.log(`  master ${process.pid}, workers ${pids.join(' ')}`);
      await options.onMasterReady?.(pids);
    },
  });
  await fleet.listenAndServe();
  // After the drain and not on `worker.signal`: from close() on, Fastify answers 503 to requests that were already accepted.
  if (isChild()) await app.close();
}

function show({ family, address, port }) {
  if (family === 'unix') return `unix:${address}`;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
