// One process that shares its port with no other.
import { once } from 'node:events';
import { makeApp } from './app.mjs';

export async function single({ app: wanted }) {
  const { server } = await makeApp(wanted);
  return {
    async start() {
      await once(server.listen(0, '127.0.0.1'), 'listening');
      return { port: server.address().port, pids: [process.pid] };
    },
    stop: () => process.exit(),
  };
}
