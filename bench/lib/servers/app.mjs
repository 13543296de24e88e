// The application of every server of a benchmark, in every mode: it answers with the pid of its process, or as a measure requests.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';

const neverNotified = new Int32Array(new SharedArrayBuffer(4));
/** The pid is the answer: clients count how connections are spread. */
const body = `${process.pid}\n`;

/**
 * @param options `websockets`: accepts them, and sends each the pid. `tls`: what `https.createServer()` takes, or true for the
 *   certificate of the tests. `express`: answers by Express.
 * @returns the server, and `leave()`, which ends its WebSockets, as an application does when it is replaced.
 */
export async function makeApp({ websockets = false, tls, express = false } = {}) {
  const respond = express ? await expressApp() : answer;
  const server =
    tls === undefined ? createServer(respond) : createTlsServer(tls === true ? testCertificate() : tls, answer);
  // With Node's default of 5 s a connection would end while a measure holds it.
  server.keepAliveTimeout = 120_000;
  if (!websockets) return { server, leave: () => {} };
  const { WebSocketServer } = await import('ws');
  const sockets = new WebSocketServer({ server });
  let leaving = false;
  sockets.on('connection', (socket) => {
    if (leaving) socket.close(1012);
    else socket.send(body);
  });
  return {
    server,
    leave: () => {
      leaving = true;
      for (const socket of sockets.clients) socket.close(1012);
    },
  };
}

/** Self-signed, for localhost. */
export function testCertificate() {
  const read = (name) => readFileSync(new URL(`../../../test/fixtures/tls/localhost.${name}.pem`, import.meta.url));
  return { key: read('key'), cert: read('cert') };
}

async function expressApp() {
  const { default: express } = await import('express');
  const app = express();
  app.get('/', (_request, response) => response.send(body));
  return app;
}

function answer({ url }, response) {
  if (url === '/') return response.end(body);
  const [, kind, ms] = /^\/(block|stand)\?ms=(\d+)$/.exec(url) ?? [];
  if (kind === undefined) return response.writeHead(404).end();
  response.write(body);
  // The bytes of the answer are on their way by then.
  return setImmediate(() => {
    const until = performance.now() + Number(ms);
    // The worker is blocked by work, or by a call that waits and leaves the CPU to the others.
    if (kind === 'block') while (performance.now() < until);
    else Atomics.wait(neverNotified, 0, 0, Number(ms));
    response.end();
  });
}
