// The server under test: the same handler behind one process, cluster's round-robin, or prefork in one of its ways of sharing.
// `node serve.mjs single|cluster|shared|sharded|reuseport <workers>`, started with an IPC channel: sends { port, pids } when it
// serves, and ends with the channel, so that nothing is left behind however the benchmark ended.
import { createServer } from 'node:http';

const [mode, workers] = [process.argv[2], Number(process.argv[3])];

/** Who answered is the answer: the client counts how warm every process is. */
const body = `${process.pid}\n`;
const server = createServer((_request, response) => response.end(body));

const modes = { single, cluster };
await (modes[mode] ?? prefork)();

function single() {
  server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port, pids: [process.pid] }));
  process.once('disconnect', () => process.exit());
}

async function cluster() {
  const { default: clusters } = await import('node:cluster');
  if (clusters.isWorker) {
    server.listen(0, '127.0.0.1');
    return;
  }
  clusters.schedulingPolicy = clusters.SCHED_RR;
  const listening = Array.from({ length: workers }, () => {
    const worker = clusters.fork();
    return new Promise((resolve) => worker.once('listening', ({ port }) => resolve({ port, pid: worker.process.pid })));
  });
  process.once('disconnect', () => {
    for (const worker of Object.values(clusters.workers)) worker.process.kill('SIGKILL');
    process.exit();
  });
  const ready = await Promise.all(listening);
  process.send({ port: ready[0].port, pids: [process.pid, ...ready.map(({ pid }) => pid)] });
}

async function prefork() {
  const { isChild, Prefork } = await import('prefork');
  const fleet = new Prefork({
    listen: '127.0.0.1:0',
    workers,
    sharing: mode,
    logger: false,
    serve: (listener) => server.listen(listener),
    onMasterReady: (pids) => process.send({ port: fleet.addresses[0].port, pids: [process.pid, ...pids] }),
  });
  if (!isChild()) process.once('disconnect', () => fleet.stop({ gracePeriod: 1_000 }));
  await fleet.listenAndServe();
}
