// A fleet of which one worker can be blocked: `node blocks.mjs <sharing> <workers>`, started with an IPC channel: sends
// { port, pids } when it serves, and ends with the channel. Every request is answered with the worker's pid; `GET /block?ms=3000` is
// answered, and then nothing happens in that worker for so long.
import { createServer } from 'node:http';
import { isChild, Prefork } from 'prefork';

const [sharing, workers] = [process.argv[2], Number(process.argv[3])];

const fleet = new Prefork({
  listen: '127.0.0.1:0',
  workers,
  sharing,
  logger: false,
  serve: (listener) => createServer(answer).listen(listener),
  onMasterReady: (pids) => process.send({ port: fleet.addresses[0].port, pids: [process.pid, ...pids] }),
});
if (!isChild()) process.once('disconnect', () => fleet.stop({ gracePeriod: 5_000 }));
await fleet.listenAndServe();

function answer(request, response) {
  const [, ms] = /^\/block\?ms=(\d+)$/.exec(request.url) ?? [];
  if (ms === undefined) return response.end(`${process.pid}\n`);
  response.write(`${process.pid}\n`);
  // The bytes are on their way by then.
  return setImmediate(() => {
    const until = performance.now() + Number(ms);
    while (performance.now() < until);
    response.end();
  });
}
