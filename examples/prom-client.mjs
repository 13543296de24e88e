// Metrics of all workers on one page: the master asks each worker for its own, adds them up, and answers Prometheus on a port of its own.
import { createServer } from 'node:http';
import { isChild, Prefork } from 'prefork';
import { AggregatorRegistry, Counter, collectDefaultMetrics, register } from 'prom-client';

const { PORT = '3000', METRICS_PORT = '9100' } = process.env;
/** A worker that is blocked must not keep the page waiting. */
const DEADLINE_MS = 1_000;

const requests = new Counter({ name: 'app_requests_total', help: 'Requests that were answered' });
if (isChild()) collectDefaultMetrics();

const fleet = new Prefork({
  listen: { host: '127.0.0.1', port: PORT },
  workers: 2,
  serve: (listener, worker) => {
    worker.on('message', async ({ id }) => worker.send({ id, metrics: await register.getMetricsAsJSON() }));
    return createServer((_request, response) => {
      requests.inc();
      response.end(`hello from pid ${process.pid}\n`);
    }).listen(listener);
  },
});

let lastId = 0;
/** What waits for answers, by the number of the question. */
const questions = new Map();

function metricsOfAll() {
  return new Promise((resolve) => {
    const id = ++lastId;
    const answers = [];
    const done = () => {
      clearTimeout(deadline);
      questions.delete(id);
      resolve(AggregatorRegistry.aggregate(answers).metrics());
    };
    const deadline = setTimeout(done, DEADLINE_MS);
    questions.set(id, (metrics) => {
      if (answers.push(metrics) === asked) done();
    });
    // How many workers took the question.
    const asked = fleet.broadcast({ id });
    if (asked === 0) done();
  });
}

if (isChild()) {
  await fleet.listenAndServe();
} else {
  fleet.on('message', (_worker, { id, metrics }) => questions.get(id)?.(metrics));
  const page = createServer(async (_request, response) => {
    response.setHeader('Content-Type', register.contentType).end(await metricsOfAll());
  });
  fleet.on('ready', (pids) => {
    page.listen({ host: '127.0.0.1', port: METRICS_PORT }, () => {
      const { port } = fleet.addresses[0];
      console.log(`127.0.0.1:${port} is served by the workers ${pids.join(', ')}`);
      console.log(`Try: curl http://127.0.0.1:${page.address().port}/metrics`);
    });
  });
  await fleet.listenAndServe();
  // Otherwise it keeps the master alive.
  page.close();
  page.closeAllConnections();
}
