// Clients in this process, that ask steadily: with a connection for each request, over TCP and the unix socket, with one that they keep,
// and in bursts that fill a queue.
import { Agent, get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** Milliseconds that a client waits for an answer: the suite makes processes stand still. */
const PATIENCE = 20_000;
/** Milliseconds between two requests of a lane, at the most; between two bursts ten times as long. */
const PAUSE = 30;
/** Milliseconds; less than 250, because the worker counts from later. */
export const SILENT = 200;

/**
 * A worker that stops ends a client that has connected and said nothing for 250 ms. connect(2) of a unix socket takes no time: a client that hears of it
 * so late has had no turn of its own event loop, or no CPU, and writes to what has been ended, which is EPIPE. Where the kernel reset a queue it
 * would be ECONNRESET.
 */
export function wasSilent({ code, over, lag }) {
  return code === 'EPIPE' && over.endsWith('unix') && lag >= SILENT;
}

/** Connections of one burst. */
const BURST = 25;

/** @param targets Where each lane connects to; `kept`: on one connection; `burst`: so many at once. */
export function startLoad(targets) {
  let over = false;
  let answered = 0;
  let losses = [];
  const one = async ({ kept, burst, ...target }, agent) => {
    try {
      await ask({ ...target, agent });
      answered++;
    } catch (error) {
      losses.push({
        reused: error.reused,
        took: error.took,
        lag: error.lag,
        syscall: error.syscall,
        code: error.code ?? error.message,
        over: `${burst ? 'a burst of ' : ''}${kept ? 'kept' : target.socketPath ? 'unix' : 'TCP'}`,
      });
      // Nobody listens any more: not a thousand times.
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') await delay(PAUSE);
    }
  };
  const lanes = targets.map(async (target) => {
    const { kept, burst = 1 } = target;
    const agent = kept === true ? new Agent({ keepAlive: true, maxSockets: 1 }) : false;
    while (!over) {
      await Promise.all(Array.from({ length: burst }, () => one(target, agent)));
      await delay(Math.random() * PAUSE * (burst > 1 ? 10 : 1));
    }
    if (agent) agent.destroy();
  });
  return {
    get answered() {
      return answered;
    },
    /** What got lost since this was asked for before. */
    take() {
      const taken = losses;
      losses = [];
      return taken;
    },
    async stop() {
      over = true;
      await Promise.all(lanes);
    },
  };
}

/** Lanes to a fleet; without a port to its unix socket alone, whose name is known before it is there. */
export function lanesOf({ port, path }) {
  const unix = [{ socketPath: path }, { socketPath: path, burst: BURST }];
  if (port === undefined) return unix;
  const tcp = { host: '127.0.0.1', port };
  return [...unix, tcp, tcp, { ...tcp, kept: true }, { ...tcp, burst: BURST }];
}

/** So many clients at a time. */
export const CLIENTS = 4 + 2 * BURST;

/** So many requests at once, half of them over each address. @returns for each `undefined`, or why it got no answer. */
export function askMany(count, { port, path }) {
  const targets = port === undefined ? [{ socketPath: path }] : [{ host: '127.0.0.1', port }, { socketPath: path }];
  let connected = 0;
  const requests = Array.from({ length: count }, (_, index) =>
    ask({ ...targets[index % targets.length], agent: false }, () => connected++).then(
      () => undefined,
      (error) => error,
    ),
  );
  return {
    get connected() {
      return connected;
    },
    all: Promise.all(requests),
  };
}

function ask(options, connected) {
  const began = performance.now();
  let lag;
  return new Promise((resolve, reject) => {
    const request = get(options, (response) => {
      response.resume().once('end', resolve).once('error', reject);
    });
    request.once('socket', (socket) => {
      // One that is kept has been.
      if (!socket.connecting) return;
      socket.once('connect', () => {
        lag = performance.now() - began;
        connected?.();
      });
    });
    request.setTimeout(PATIENCE, () => request.destroy(new Error(`no answer within ${PATIENCE} ms`)));
    request.once('error', (error) =>
      reject(Object.assign(error, { reused: request.reusedSocket, took: performance.now() - began, lag })),
    );
  });
}
