import { createServer } from 'node:net';

/**
 * A port of 127.0.0.1 that no process uses, for tests in which two programs must want the same. Below the range of
 * net.ipv4.ip_local_port_range, so that no connection and no listener on port 0 gets it meanwhile.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
