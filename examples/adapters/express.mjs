// Express with prefork: `listen(app, { listen: 3000 })` instead of `app.listen(3000)`. Copy it and change the banner.
import { Prefork } from 'prefork';

/**
 * Runs in the master and in every worker. Settles in the master when the fleet has stopped, in a worker when it has drained.
 * @param app An Express application.
 * @param options Everything that prefork takes but `serve`.
 */
export async function listen(app, options) {
  const fleet = new Prefork({
    ...options,
    serve: (listener) => app.listen(listener),
    // Runs in the master only, once: however many workers there are or will be, there is one banner.
    async onMasterReady(pids) {
      const { sharing, addresses } = fleet.status();
      console.log(`Express (${app.get('env')}) prefork ${sharing} on ${addresses.map(show).join(', ')}`);
      console.log(`  master ${process.pid}, workers ${pids.join(' ')}`);
      await options.onMasterReady?.(pids);
    },
  });
  await fleet.listenAndServe();
}

function show({ family, address, port }) {
  if (family === 'unix') return `unix:${address}`;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
