// gRPC. @grpc/grpc-js opens its own port and has no server to listen on a listener: a connection injector gives it the connections of one.
import { createServer } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { Prefork } from 'prefork';

/** How long calls may take when a worker drains: less than drainTimeout. */
const CALLS_MS = 25_000;

const text = { serialize: (words) => Buffer.from(words), deserialize: (bytes) => bytes.toString() };
const method = (name, responseStream) => ({
  path: `/example.Greeter/${name}`,
  requestStream: false,
  responseStream,
  requestSerialize: text.serialize,
  requestDeserialize: text.deserialize,
  responseSerialize: text.serialize,
  responseDeserialize: text.deserialize,
});
/** Without a .proto file, which @grpc/proto-loader would read. */
const greeter = { hello: method('Hello', false), count: method('Count', true) };

const { PORT: port = '50051' } = process.env;

const fleet = new Prefork({
  listen: { host: '127.0.0.1', port: Number(port) },
  workers: 2,
  serve(listener, worker) {
    const grpc = new Server();
    grpc.addService(greeter, {
      hello: (call, done) => done(null, `hello ${call.request} from pid ${process.pid}`),
      // As many numbers as the client asks for, ten in a second.
      count(call) {
        let next = 0;
        const timer = setInterval(() => {
          call.write(String(next++));
          if (next >= Number(call.request)) call.end();
        }, 100);
        call.on('close', () => clearInterval(timer));
      },
    });
    // With TLS: ServerCredentials.createSsl(null, [{ private_key: Buffer.from(worker.tls.key), cert_chain: Buffer.from(worker.tls.cert) }])
    const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
    // Clients hear GOAWAY and come back to another worker. Calls and streams that run are finished.
    worker.signal.addEventListener('abort', () => injector.drain(CALLS_MS));
    return createServer((socket) => injector.injectConnection(socket)).listen(listener);
  },
  onMasterReady(pids) {
    const [{ address, port }] = fleet.addresses;
    console.log(`grpc://${address}:${port} is served by the workers ${pids.join(', ')}`);
  },
});

await fleet.listenAndServe();
