import { once } from 'node:events';
import { createServer } from 'node:net';

/** A port of 127.0.0.1 that no process listens on. `reusePort`: for sockets that are bound so. */
export async function freePort(reusePort = false) {
  const server = createServer().listen({ port: 0, host: '127.0.0.1', reusePort });
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
