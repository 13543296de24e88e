import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * A port of 127.0.0.1 that no process listens on, below the range of net.ipv4.ip_local_port_range: no connection and no listener on port 0
 * gets it meanwhile. `reusePort`: for sockets that are bound so.
 */
export async function freePort(reusePort = false) {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const server = createServer().listen({ port, host: '127.0.0.1', reusePort });
    try {
      await once(server, 'listening');
    } catch (error) {
      if (error.code !== 'EADDRINUSE' && error.code !== 'EACCES') throw error;
      continue;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}
