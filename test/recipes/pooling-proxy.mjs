// Stands in for Envoy; proxies.mjs starts it. It keeps connections to the fleet without a limit, takes the last one first, and repeats no
// request: one that is lost with its connection is answered with 503.
//   node pooling-proxy.mjs <port to listen on> <port of the fleet>
import { Agent, createServer, request } from 'node:http';
import { pipeline } from 'node:stream';

const [front, port] = process.argv.slice(2).map(Number);
const agent = new Agent({ keepAlive: true, maxFreeSockets: Infinity, scheduling: 'lifo' });
/** Of one connection, not of what travels on it (RFC 9110 7.6.1). */
const HOP = ['connection', 'keep-alive', 'transfer-encoding'];

createServer((incoming, outgoing) => {
  const { method, url: path } = incoming;
  const asked = request({ host: '127.0.0.1', port, agent, method, path, headers: without(incoming.headers) });
  asked.on('response', (response) => {
    outgoing.writeHead(response.statusCode, without(response.headers));
    pipeline(response, outgoing, () => {});
  });
  asked.on('error', (error) => {
    if (outgoing.headersSent) outgoing.destroy();
    else outgoing.writeHead(503).end(`upstream: ${error.message}`);
  });
  incoming.pipe(asked);
}).listen(front, '127.0.0.1');

function without(headers) {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP.includes(name)));
}
