// A unix socket, as a reverse proxy on the same machine talks to it. The master alone makes and removes the file: a stale one is
// replaced, one that a process still listens on is refused. With `uid` the file belongs to that user; `owner` and `group` beside `mode` name
// others, such as the group of the proxy.
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Prefork } from 'prefork';

const { SOCKET: path = join(tmpdir(), 'prefork-example.sock') } = process.env;

const fleet = new Prefork({
  listen: { path, mode: 0o660 },
  workers: 2,
  serve: (listener) =>
    createServer((_request, response) => response.end(`hello from pid ${process.pid}\n`)).listen(listener),
  onMasterReady(pids) {
    console.log(`${path} is served by the workers ${pids.join(', ')}`);
    console.log(`Try: curl --unix-socket ${path} http://localhost`);
  },
});

await fleet.listenAndServe();
