// The server under test: the same application behind one process, node:cluster, PM2 or prefork.
//   node serve.mjs '{ "mode": "shared", "workers": 4, "app": { "websockets": true } }'
// A measure starts it with an IPC channel, and requests operations over that: test/loss/control.mjs. The server ends with the channel, so
// it leaves no process behind however the benchmark ended.
import { obey } from '../../test/loss/control.mjs';

const options = JSON.parse(process.argv[2]);
const kinds = {
  single: async () => (await import('./servers/single.mjs')).single,
  cluster: async () => (await import('./servers/cluster.mjs')).clustered,
  none: async () => (await import('./servers/cluster.mjs')).clustered,
  'node-reuseport': async () => (await import('./servers/cluster.mjs')).clustered,
  command: async () => (await import('./servers/command.mjs')).commanded,
  pm2: async () => (await import('./servers/pm2.mjs')).pm2,
};
const make = await (kinds[options.mode] ?? (async () => (await import('./servers/prefork.mjs')).preforked))();
// This is a worker, which another process controls.
const operations = await make(options);
if (operations !== undefined) obey(operations);
