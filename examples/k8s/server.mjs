// The program of deployment.yaml. The fleet serves on for five seconds after SIGTERM, while Kubernetes takes the Pod out of its Services.
import { createServer } from 'node:http';
import { prefork } from 'prefork';

await prefork({
  listen: process.env.PORT ?? 3000,
  // The kubelet asks from outside of the Pod's loopback.
  metrics: { host: '0.0.0.0', port: Number(process.env.METRICS_PORT ?? 9100) },
  logFormat: 'json',
  // Together less than terminationGracePeriodSeconds.
  drainDelay: 5_000,
  shutdownGracePeriod: 20_000,
  // A worker whose event loop stands still is replaced without a restart of the Pod.
  livenessTimeout: 10_000,
  serve: (listener) => createServer((_request, response) => response.end('hello\n')).listen(listener),
});
