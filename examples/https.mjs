// HTTPS. The master reads and checks the certificate before it binds or starts anything, and hands it to the workers: they need
// not be able to read the files. All workers share their ticket keys, so a TLS session resumes on any of them.
import { createServer } from 'node:https';
import { fileURLToPath } from 'node:url';
import { Prefork } from 'prefork';

const testFile = (name) => fileURLToPath(new URL(`../test/fixtures/tls/localhost.${name}.pem`, import.meta.url));
const { PORT: port = '3443', TLS_KEY: keyFile = testFile('key'), TLS_CERT: certFile = testFile('cert') } = process.env;

const fleet = new Prefork({
  listen: { host: '127.0.0.1', port: Number(port) },
  tls: { keyFile, certFile },
  workers: 2,
  serve: (listener, worker) =>
    createServer(worker.tls, (request, response) => {
      const resumed = request.socket.isSessionReused() ? 'resumed' : 'new';
      response.end(`hello from pid ${process.pid}, ${resumed} TLS session\n`);
    }).listen(listener),
  onMasterReady(pids) {
    const [{ port }] = fleet.addresses;
    console.log(`https://localhost:${port} is served by the workers ${pids.join(', ')}`);
    console.log(`Try: curl --cacert ${certFile} https://localhost:${port}`);
  },
});

await fleet.listenAndServe();
