// HTTP/2 over TLS, and HTTP/1.1 for clients that know only that. For the certificate see https.mjs.
import { createSecureServer } from 'node:http2';
import { fileURLToPath } from 'node:url';
import { Prefork } from 'prefork';

const testFile = (name) => fileURLToPath(new URL(`../test/fixtures/tls/localhost.${name}.pem`, import.meta.url));
const { PORT: port = '3443', TLS_KEY: keyFile = testFile('key'), TLS_CERT: certFile = testFile('cert') } = process.env;

const fleet = new Prefork({
  listen: { host: '127.0.0.1', port: Number(port) },
  tls: { keyFile, certFile },
  workers: 2,
  serve: (listener, worker) =>
    createSecureServer({ ...worker.tls, allowHTTP1: true }, (request, response) => {
      response.end(`hello from pid ${process.pid} over HTTP/${request.httpVersion}\n`);
    }).listen(listener),
  onMasterReady(pids) {
    const [{ port }] = fleet.addresses;
    console.log(`https://localhost:${port} is served by the workers ${pids.join(', ')}`);
    console.log(`Try: curl --http2 --cacert ${certFile} https://localhost:${port}`);
  },
});

await fleet.listenAndServe();
