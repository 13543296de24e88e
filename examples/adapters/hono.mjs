// Hono with prefork: `serve({ fetch: app.fetch, listen: 3000 })`, like `serve` of @hono/node-server. Copy it and change the banner.
import { createServer } from 'node:https';
import { createAdaptorServer } from '@hono/node-server';
import { Prefork } from 'prefork';

/**
 * Runs in the master and in every worker. Settles in the master when the fleet has stopped, in a worker when it has drained.
 * @param options `fetch` of a Hono application, and everything that prefork takes but `serve`; with `tls` the workers speak HTTPS.
 */
export async function serve({ fetch, ...options }) {
  const scheme = options.tls === undefined ? 'http' : 'https';
  const fleet = new Prefork({
    ...options,
    serve: (listener, { tls }) =>
      createAdaptorServer({ fetch, ...(tls && { createServer, serverOptions: tls }) }).listen(listener),
    // Runs in the master only, once: however many workers there are or will be, there is one banner.
    async onMasterReady(pids) {
      const { sharing, addresses } = fleet.status();
      console.log(`Hono prefork ${sharing} on ${addresses.map((address) => show(scheme, address)).join(', ')}`);
      console.log(`  master ${process.pid}, workers ${pids.join(' ')}`);
      await options.onMasterReady?.(pids);
    },
  });
  await fleet.listenAndServe();
}

function show(scheme, { family, address, port }) {
  if (family === 'unix') return `unix:${address}`;
  return `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
