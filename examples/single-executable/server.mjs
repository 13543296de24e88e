// The program in the executable: `./server --port 8080 --name Ada`. Its workers get the same arguments.
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { Prefork } from 'prefork';

const { values } = parseArgs({
  options: { port: { type: 'string', default: '3000' }, name: { type: 'string', default: 'world' } },
});

const fleet = new Prefork({
  listen: { host: '127.0.0.1', port: Number(values.port) },
  workers: 2,
  serve: (listener) =>
    createServer((_request, response) => response.end(`hello ${values.name} from pid ${process.pid}\n`)).listen(
      listener,
    ),
  onMasterReady: () => {
    const pids = fleet.workers.map(({ pid }) => pid).join(', ');
    console.log(`http://127.0.0.1:${fleet.addresses[0].port} is served by the workers ${pids}`);
  },
});

// No top-level await, which CommonJS has not.
fleet.listenAndServe().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
