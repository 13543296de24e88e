// node:cluster, in the three ways in which its workers get connections: from the primary ('cluster'), from a socket that the primary
// has bound ('none'), or from sockets of their own ('node-reuseport'). The code around it is what people write: the primary forks again
// when a worker ends; in a reload it forks, waits until the new worker listens, and disconnects the old one.
import cluster from 'node:cluster';
import { once } from 'node:events';
import { freePort } from '../../../test/loss/free-port.mjs';
import { makeApp } from './app.mjs';

/** The primary kills a disconnected worker after this time. */
const DRAIN_MS = 5_000;

export async function clustered({ mode, workers: count, app: wanted }) {
  const reusePort = mode === 'node-reuseport';
  if (cluster.isWorker) {
    const { server, leave } = await makeApp(wanted);
    process.on('message', (message) => {
      if (message !== 'leave') return;
      leave();
      // disconnect() closes the handles that the primary has handed out, and no socket of the worker's own.
      if (reusePort) server.close();
    });
    server.listen(
      { port: Number(process.env.BENCH_PORT), host: '127.0.0.1', ...(reusePort ? { reusePort } : {}) },
      () => {
        // The primary emits no 'listening' event for sockets of a worker's own.
        process.send('listens');
      },
    );
    return undefined;
  }
  cluster.schedulingPolicy = mode === 'none' ? cluster.SCHED_NONE : cluster.SCHED_RR;
  const serving = new Set();
  // Disconnected workers, too.
  const alive = new Set();
  // A fixed port: after the end of its last worker the primary would bind port 0 anew, and get another one.
  const port = await freePort(reusePort);
  let stopping = false;

  const add = async () => {
    const worker = cluster.fork({ BENCH_PORT: String(port) });
    alive.add(worker);
    worker.once('exit', () => alive.delete(worker));
    const gone = once(worker, 'exit').then(() => Promise.reject(new Error('a worker ended before it listened')));
    gone.catch(() => {});
    await Promise.race([once(worker, 'message'), gone]);
    serving.add(worker);
    worker.once('exit', () => serving.delete(worker) && !stopping && add());
  };
  const retire = (worker) => {
    serving.delete(worker);
    worker.send('leave');
    worker.disconnect();
    const timer = setTimeout(() => worker.process.kill('SIGKILL'), DRAIN_MS);
    worker.once('exit', () => clearTimeout(timer));
  };
  const pids = () => [process.pid, ...[...serving].map((worker) => worker.process.pid)];
  return {
    async start() {
      await Promise.all(Array.from({ length: count }, add));
      return { port, pids: pids() };
    },
    pids,
    async reload() {
      for (const worker of [...serving]) {
        await add();
        retire(worker);
      }
    },
    async scale(target) {
      while (serving.size < target) await add();
    },
    stop() {
      stopping = true;
      for (const worker of alive) worker.process.kill('SIGKILL');
      process.exit();
    },
  };
}
