// The package's own fleet: node prefork-server.mjs '{ "workers": 4, "sharing": "shared", "port": 0 }'
import { isChild, Prefork } from 'prefork';
import { obey } from './control.mjs';
import { OWN_OPTIONS } from './own-options.mjs';
import { probe } from './probe.mjs';
import { obeyMessage, serve } from './serving.mjs';

/** Pids of workers that died, until the suite asks for them. */
const REMEMBERED = 100;

const { port = 0, ...options } = JSON.parse(process.argv[2]);
const fleet = new Prefork({
  listen: `127.0.0.1:${port}`,
  ...OWN_OPTIONS,
  ...options,
  serve: (listener, worker) => {
    worker.on('message', obeyMessage);
    return serve().listen(listener);
  },
});

if (!isChild()) {
  let replaced = 0;
  const died = [];
  fleet.on('exit', ({ pid }, { requested }) => {
    if (requested) replaced++;
    else died.push(pid);
    // The soak, which looks at this process's memory, never asks for them.
    if (died.length > REMEMBERED) died.shift();
  });
  obey({
    ...probe,
    async start() {
      await fleet.start();
      return fleet.addresses[0].port;
    },
    workers: () => fleet.workers.filter(({ state }) => state === 'ready').map(({ pid }) => pid),
    async reload() {
      const { ok, error } = await fleet.reload();
      if (!ok) throw error;
    },
    scale: (workers) => fleet.scale(workers),
    stall: (pid, ms) => fleet.workers.find((worker) => worker.pid === pid)?.send({ ms }) ?? false,
    sendTo: (pid, message) => fleet.workers.find((worker) => worker.pid === pid)?.send(message) ?? false,
    tryToReload: async () => (await fleet.reload()).ok,
    status: () => fleet.status(),
    died: () => died.splice(0),
    replaced: () => replaced,
    leave: () => fleet.stop(),
    stop: () => fleet.stop(),
  });
} else {
  await fleet.listenAndServe();
}
