// Clients of HTTP: most keep their connection, some open one for every request. None sends a request twice.
import { Agent, request } from 'node:http';

/** Clients that keep a connection, and clients that open one for every request. */
const [KEEP, OPEN] = [4, 2];

/** @param requests `[{ method, path, body, graphql, expect }]`: each client sends them in turn and wants `expect` in the answer. */
export function makeClients({ port, load: { requests = [{ expect: 'hello' }] } }) {
  const one = (keepAlive) => {
    const agent = new Agent({ keepAlive, maxSockets: 1 });
    return {
      ask: (number) => send(port, agent, requests[number % requests.length]),
      end: () => agent.destroy(),
    };
  };
  return [...Array.from({ length: KEEP }, () => one(true)), ...Array.from({ length: OPEN }, () => one(false))];
}

function send(port, agent, { graphql, method = 'GET', path = '/', body, expect }) {
  if (graphql !== undefined)
    return send(port, agent, { method: 'POST', path, body: JSON.stringify({ query: graphql }), expect });
  const headers = body?.startsWith('{') ? { 'Content-Type': 'application/json' } : {};
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, agent, method, path, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      response.on('error', reject);
      response.on('end', () => {
        if (Math.floor(response.statusCode / 100) === 2 && text.includes(expect)) resolve();
        else reject(new Error(`${method} ${path}: ${response.statusCode} ${text.slice(0, 200)}`));
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}
