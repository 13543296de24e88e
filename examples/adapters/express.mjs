// Express with prefork: `listen(app, { listen: 3000 })` instead of `app.listen(3000)`. Copy it and change the banner.
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { Prefork } from 'prefork';

/**
 * Runs in the master and in every worker. Settles in the master when the fleet has stopped, in a worker when it has drained.
 * @param app An Express application.
 * @param options Everything that prefork takes but `serve`; with `tls` the workers speak HTTPS.
 */
export async function listen(app, options) {
  const scheme = options.tls === undefined ? 'http' : 'https';
  const fleet = new Prefork({
    ...options,
    serve: (listener, { tls }) => (tls ? createSecureServer(tls, app) : createServer(app)).listen(listener),
    // Runs in the master only, once: however many workers there are or will be, there is one banner.
    async onMasterReady(pids) {
      const { sharing, addresses } = fleet.status();
      const places = addresses.map((address) => show(scheme, address)).join(', ');
      console.log(`Express (${app.get('env')}) prefork ${sharing} on ${places}`);
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
