// HTTPS. The master reads and checks the certificate before it binds or starts anything, and hands it to the workers: they need
// not be able to read the files. All workers share their ticket keys, so a TLS session resumes on any of them.
//
// TLS_KEY and TLS_CERT name the files; without them they are key.pem and cert.pem in the working directory. For this machine alone:
//
//   openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
//     -keyout key.pem -out cert.pem
import { createServer } from 'node:https';
import { Prefork } from 'prefork';

const { PORT: port = '3443', TLS_KEY: keyFile = 'key.pem', TLS_CERT: certFile = 'cert.pem' } = process.env;

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
