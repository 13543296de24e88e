// For comparison, what people do without this package: node:cluster, whose primary replaces its workers one by one as its documentation
// has it: it forks a new one, waits until that listens, and disconnect()s the old one.
//   node cluster-server.mjs '{ "workers": 4, "reusePort": false, "execArgv": [], "port": 0 }'
// With `reusePort` every worker binds a socket of its own instead of getting connections from the primary. disconnect() closes
// its server, and with it idle connections, all at once. With `drainTimeout` the primary sends a worker so much earlier that it will
// leave. Its answers close their connections from then on: what a careful program does. The primary sends it also when the fleet stops.
import cluster from 'node:cluster';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { obey } from './control.mjs';
import { freePort } from './free-port.mjs';
import { obeyMessage, serve } from './serving.mjs';

const {
  workers: count,
  reusePort,
  execArgv,
  port: wanted = 0,
  maxSurge = 2,
  drainTimeout,
} = JSON.parse(process.argv[2]);
/** Milliseconds after which the primary kills a worker that it has disconnected. */
const DRAIN = 10_000;
/** Milliseconds after which the primary tries a worker again that did not boot. */
const RETRY = 100;

if (cluster.isPrimary) {
  cluster.schedulingPolicy = cluster.SCHED_RR;
  cluster.setupPrimary({ execArgv });
  const serving = new Set();
  const leaving = new Set();
  const died = [];
  // Without a port of their own all workers get the primary's listener, whatever port that has.
  let port = wanted;
  let replaced = 0;
  let stopping = false;

  const add = async () => {
    const worker = cluster.fork({ PORT: String(port) });
    const gone = once(worker, 'exit').then(() => Promise.reject(new Error('a worker ended before it listened')));
    gone.catch(() => {});
    // Not 'listening': with reusePort the primary never emits it.
    const [address] = await Promise.race([once(worker, 'message'), gone]);
    serving.add(worker);
    return address.port;
  };
  const retire = (worker, wait = drainTimeout) => {
    serving.delete(worker);
    leaving.add(worker);
    if (wait === undefined) {
      disconnect(worker);
      return;
    }
    worker.send({ leaves: true });
    if (wait === 0) disconnect(worker);
    else setTimeout(disconnect, wait, worker);
  };
  const disconnect = (worker) => {
    if (!worker.isConnected()) return;
    worker.disconnect();
    const timer = setTimeout(() => worker.process.kill('SIGKILL'), DRAIN);
    worker.once('exit', () => clearTimeout(timer));
  };
  cluster.on('exit', (worker) => {
    if (leaving.delete(worker)) replaced++;
    else if (serving.delete(worker) && !stopping) {
      died.push(worker.process.pid);
      void fill();
    }
  });
  /** Until it works, as a supervisor does. */
  const fill = async () => {
    for (;;) {
      try {
        return await add();
      } catch {
        if (stopping) return undefined;
        await delay(RETRY);
      }
    }
  };
  const replace = async (worker) => {
    await add();
    if (serving.has(worker)) retire(worker);
  };
  // One at a time, as in the package.
  let turn = Promise.resolve();
  const inTurn = (operation) => {
    const own = turn.then(operation);
    turn = own.catch(() => {});
    return own;
  };
  const reload = () =>
    inTurn(async () => {
      const old = [...serving];
      const lane = async () => {
        for (let worker = old.pop(); worker !== undefined; worker = old.pop()) await replace(worker);
      };
      // So many at a time, as the other fleets do.
      await Promise.all(Array.from({ length: maxSurge }, lane));
    });
  obey({
    async start() {
      if (reusePort && port === 0) port = await freePort(reusePort);
      const [first] = await Promise.all(Array.from({ length: count }, add));
      return first;
    },
    workers: () => [...serving].map((worker) => worker.process.pid),
    reload,
    scale: (target) =>
      inTurn(async () => {
        while (serving.size < target) await add();
        for (const worker of [...serving].slice(target)) retire(worker);
      }),
    recycle: () => inTurn(() => replace([...serving][0])),
    stall: (pid, ms) => [...serving].find((worker) => worker.process.pid === pid)?.send({ ms }) ?? false,
    sendTo: (pid, message) => [...serving].find((worker) => worker.process.pid === pid)?.send(message) ?? false,
    tryToReload: () =>
      reload().then(
        () => true,
        () => false,
      ),
    died: () => died.splice(0),
    replaced: () => replaced,
    async leave() {
      stopping = true;
      const workers = [...serving];
      for (const worker of workers) retire(worker, 0);
      await Promise.all(workers.map((worker) => once(worker, 'exit')));
    },
    async stop() {
      stopping = true;
      const gone = Object.values(cluster.workers).map((worker) => {
        worker.process.kill('SIGKILL');
        return once(worker, 'exit');
      });
      await Promise.all(gone);
    },
  });
} else {
  process.on('message', obeyMessage);
  const server = serve();
  server.listen({ port: Number(process.env.PORT), host: '127.0.0.1', ...(reusePort ? { reusePort } : {}) }, () =>
    process.send(server.address()),
  );
}
