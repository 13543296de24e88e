// HTTP/2 over TLS, and HTTP/1.1 for clients that know only that. https.mjs says how to make the certificate.
import { createSecureServer } from 'node:http2';
import { Prefork } from 'prefork';

const { PORT: port = '3443', TLS_KEY: keyFile = 'key.pem', TLS_CERT: certFile = 'cert.pem' } = process.env;

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
