// Clients in this process, that ask steadily: with a connection for each request, over TCP and the unix socket, and with one that they keep.
import { Agent, get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** Milliseconds that a client waits for an answer: the suite makes processes stand still. */
const PATIENCE = 20_000;
/** Milliseconds between two requests of a lane, at the most. */
const PAUSE = 30;

/** @param targets Where each lane connects to; `kept`: on one connection. */
export function startLoad(targets) {
  let over = false;
  let answered = 0;
  let losses = [];
  const lanes = targets.map(async ({ kept, ...target }) => {
    const agent = new Agent({ keepAlive: kept === true, maxSockets: 1 });
    while (!over) {
      try {
        await ask({ ...target, agent });
        answered++;
      } catch (error) {
        losses.push({
          reused: error.reused,
          took: error.took,
          code: error.code ?? error.message,
          over: kept ? 'kept' : target.socketPath ? 'unix' : 'TCP',
        });
        // Nobody listens any more: not a thousand times.
        if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') await delay(PAUSE);
      }
      await delay(Math.random() * PAUSE);
    }
    agent.destroy();
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

/** So many clients at a time. */
export const LANES = 4;

export function lanesOf({ port, path }) {
  const tcp = { host: '127.0.0.1', port };
  return [tcp, tcp, { socketPath: path }, { ...tcp, kept: true }];
}

function ask(options) {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const request = get(options, (response) => {
      response.resume().once('end', resolve).once('error', reject);
    });
    request.setTimeout(PATIENCE, () => request.destroy(new Error(`no answer within ${PATIENCE} ms`)));
    request.once('error', (error) =>
      reject(Object.assign(error, { reused: request.reusedSocket, took: performance.now() - began })),
    );
  });
}
