// Fastify with prefork: `listen(app, { listen: 3000 })` instead of `app.listen({ port: 3000 })`. Copy it and change the banner.
import { isChild, Prefork } from 'prefork';

/**
 * Runs in the master and in every worker. Settles in the master when the fleet has stopped, in a worker when it has drained and its
 * `onClose` hooks have run. Plugins are loaded in workers only.
 * @param app A Fastify instance; with `tls` one that was made for it: `fastify({ https: {} })`.
 * @param options Everything that prefork takes but `serve`.
 */
export async function listen(app, options) {
  const scheme = options.tls === undefined ? 'http' : 'https';
  const fleet = new Prefork({
    ...options,
    async serve(listener, { tls }) {
      const { server } = app;
      if (tls && !server.setSecureContext)
        throw new Error('tls needs fastify({ https: {} }): Fastify made its server without it');
      if (tls) server.setSecureContext(tls);
      // A socket that was inherited does not know its path, which Fastify logs.
      if (listener.family === 'unix') server.address = () => listener.address;
      // With a host, because Fastify would look for further addresses of 'localhost'. Runs the `onListen` hooks.
      await app.listen({ ...listener, host: listener.address });
      return server;
    },
    // Runs in the master only, once: however many workers there are or will be, there is one banner.
    async onMasterReady(pids) {
      const { sharing, addresses } = fleet.status();
      const places = addresses.map((address) => show(scheme, address)).join(', ');
      console.log(`Fastify ${app.version} prefork ${sharing} on ${places}`);
      console.log(`  master ${process.pid}, workers ${pids.join(' ')}`);
      await options.onMasterReady?.(pids);
    },
  });
  await fleet.listenAndServe();
  // After the drain and not on `worker.signal`: from close() on, Fastify answers 503 to requests that were already accepted.
  if (isChild()) await app.close();
}

function show(scheme, { family, address, port }) {
  if (family === 'unix') return `unix:${address}`;
  return `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
