// For comparison, one process of plain Node behind a proxy: node plain-server.mjs '{ "port": 1234 }'
import { once } from 'node:events';
import { obey } from './control.mjs';
import { beginToLeave, serve } from './serving.mjs';

const { port } = JSON.parse(process.argv[2]);
const server = serve();
obey({
  async start() {
    await once(server.listen(port, '127.0.0.1'), 'listening');
    return server.address().port;
  },
  async leave() {
    beginToLeave();
    await once(server.close(), 'close');
  },
  stop: () => process.exit(),
});
