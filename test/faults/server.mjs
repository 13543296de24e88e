// The fleet that the suite breaks: node server.mjs '{ "replies": "/tmp/…", "options": {…} }'
// Orders come over the channel of child_process, replies go to a file, by pwrite(2): the suite refuses write(2) and sendmsg(2).
import { openSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import { isChild, Prefork } from 'prefork';

const { replies, options } = JSON.parse(process.argv[2]);

const make = () =>
  new Prefork({
    name: 'faults',
    readyFor: 100,
    recoverInterval: 50,
    recoverThreshold: 1_000,
    readyTimeout: 30_000,
    shutdownGracePeriod: 3_000,
    drainTimeout: 3_000,
    ...options,
    serve: (listener, worker) => {
      worker.on('message', (message) => {
        if (message === 'retire') worker.retire('the suite asks for it');
      });
      const server = createServer((_request, response) => response.end(String(process.pid)));
      server.keepAliveTimeout = 0;
      // One server on both addresses: the second is the unix socket.
      if (worker.listeners.length > 1) {
        const other = createServer((_request, response) => response.end(String(process.pid)));
        return [server.listen(listener), other.listen(worker.listeners[1])];
      }
      return server.listen(listener);
    },
  });

/** Of an error and of all that caused it. */
function plain(error) {
  const { message, code, cause } = error ?? {};
  return { message: message ?? String(error), code, ...(cause === undefined ? {} : { cause: plain(cause) }) };
}

function obey(fleet) {
  const orders = {
    async start() {
      await fleet.start();
      return fleet.addresses;
    },
    async reload() {
      const { ok, error } = await fleet.reload();
      return { ok, error: error && plain(error) };
    },
    scale: (workers) => fleet.scale(workers),
    retire: (slot) => fleet.workers.find((worker) => worker.slot === slot)?.send('retire') ?? false,
    flood: (slot, size) => {
      const worker = fleet.workers.find((one) => one.slot === slot);
      const data = 'x'.repeat(size);
      let taken = 0;
      while (taken < 1_000 && worker?.send(data)) taken++;
      return taken;
    },
    status: () => fleet.status(),
    stop: () => fleet.stop(),
  };
  const file = openSync(replies, 'w');
  let at = 0;
  process.on('message', async ({ id, name, args }) => {
    let reply;
    try {
      reply = { id, value: await orders[name](...args) };
    } catch (error) {
      reply = { id, error: plain(error) };
    }
    const line = Buffer.from(`${JSON.stringify(reply)}\n`);
    writeSync(file, line, 0, line.length, at);
    at += line.length;
    // Nothing of it is left, so the program may try again.
    if (name === 'start' && reply.error !== undefined) fleet = make();
  });
  process.once('disconnect', () => fleet.stop());
}

const fleet = make();
if (isChild()) await fleet.listenAndServe();
else obey(fleet);
