// The fleet that the suite breaks: node server.mjs '{ "replies": "/tmp/…", "options": {…} }'
// Orders come over the channel of child_process, replies go to a file, by pwrite(2): the suite refuses write(2) and sendmsg(2).
import { openSync, unlinkSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { isChild, Prefork } from 'prefork';

const { replies, options } = JSON.parse(process.argv[2]);
/** Descriptor of a worker: it comes behind the listeners. */
const CONTROL = 3 + options.listen.length;

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
        if (message === 'hang up') hangUp();
        if (message === 'time') Date.now();
      });
      worker.signal.addEventListener('abort', () => note('is told to leave'));
      if (isAskedTo('hang-up')) hangUp();
      setImmediate(() => note('serves'));
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

/** For the judge, among the lines of the fleet. Some faults leave no output. */
function note(what) {
  try {
    writeSync(2, `suite: ${process.pid} ${what}\n`);
  } catch {
    // Closed, or full.
  }
}

/** Without its number becoming that of a connection: the package goes on writing to it. */
function hangUp() {
  const channel = process._getActiveHandles().find((handle) => handle._handle?.fd === CONTROL);
  if (channel === undefined) throw new Error(`descriptor ${CONTROL} is no stream`);
  channel.destroy();
}

/** By a file in the folder of the fleet, which the first worker that sees it takes away. */
function isAskedTo(what) {
  try {
    unlinkSync(join(dirname(replies), what));
    return true;
  } catch {
    return false;
  }
}

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
    hangUp: (slot) => fleet.workers.find((worker) => worker.slot === slot)?.send('hang up') ?? false,
    flood: (slot, size) => {
      const worker = fleet.workers.find((one) => one.slot === slot);
      const data = 'x'.repeat(size);
      let taken = 0;
      while (taken < 1_000 && worker?.send(data)) taken++;
      return taken;
    },
    /** Every process asks for it. */
    time: () => {
      for (const worker of fleet.workers) worker.send('time');
      return Date.now();
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
    if (name === 'stop' || (name === 'start' && reply.error !== undefined)) fleet = make();
  });
  process.once('disconnect', () => fleet.stop());
}

const fleet = make();
if (isChild()) await fleet.listenAndServe();
else obey(fleet);
