/** A server of node:net that listens, or the error of why it does not. */

import { createServer, type ListenOptions, type Server } from 'node:net';

/** It does not keep the process alive. Clients may end their side before they have read the answer, as `echo … | nc -U` does. */
export function listening(options: ListenOptions & { readonly fd?: number }): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true });
    server.once('error', reject);
    server.listen({ ...options, exclusive: true }, () => {
      server.off('error', reject);
      // accept(2) failed, for want of descriptors: the client tries again.
      server.on('error', () => {});
      resolve(server.unref());
    });
  });
}
