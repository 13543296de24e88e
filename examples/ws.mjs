// WebSockets with `ws`: each message comes back with the pid that got it. A reload asks the clients to come back, to a worker of the new code.
import { createServer } from 'node:http';
import { Prefork } from 'prefork';
import { WebSocketServer } from 'ws';

const { PORT: port = '3000' } = process.env;
/** Close code "service restart": a client connects again. */
const RESTART = 1012;

const fleet = new Prefork({
  listen: { host: '127.0.0.1', port },
  workers: 2,
  serve(listener, worker) {
    const server = createServer((_request, response) => response.end('connect by WebSocket\n'));
    const sockets = new WebSocketServer({ server });
    sockets.on('connection', (socket) => {
      socket.on('message', (data) => socket.send(`${process.pid}: ${data}`));
      // A client whose upgrade was on its way when the drain began.
      if (worker.signal.aborted) socket.close(RESTART);
    });
    worker.signal.addEventListener('abort', () => {
      for (const socket of sockets.clients) socket.close(RESTART);
    });
    return server.listen(listener);
  },
  onMasterReady(pids) {
    const [{ port }] = fleet.addresses;
    console.log(`ws://127.0.0.1:${port} is served by the workers ${pids.join(', ')}`);
    console.log(`Try: npx wscat -c ws://127.0.0.1:${port}, and then kill -HUP ${process.pid}`);
  },
});

await fleet.listenAndServe();
