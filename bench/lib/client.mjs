// The client, in a process of its own: one request on every connection, so many connections at a time.
// Takes { port, connections, concurrency } over IPC, answers { answered, failures } with the number of answers of every server process.
import { connect } from 'node:net';

const request = Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
/** One for all connections: it is read from before the next read. An allocation for each would be most of the client's work. */
const buffer = Buffer.allocUnsafe(4_096);
/** A connection that takes longer has failed. Milliseconds. */
const PATIENCE = 10_000;

process.send('ready');
process.on('message', ({ port, connections, concurrency }) => {
  const answered = {};
  const failures = {};
  let left = connections;
  let open = 0;

  const next = () => {
    if (left > 0) {
      left -= 1;
      open += 1;
      exchange(port, (pid, failure) => {
        open -= 1;
        if (failure === undefined) answered[pid] = (answered[pid] ?? 0) + 1;
        else failures[failure] = (failures[failure] ?? 0) + 1;
        next();
      });
    } else if (open === 0) process.send({ answered, failures });
  };
  for (let i = 0; i < concurrency && left > 0; i++) next();
});
process.once('disconnect', () => process.exit());

/** @param done Called once, with the pid in the answer or with why there is none. */
function exchange(port, done) {
  let answer = '';
  let failure;
  const socket = connect({
    port,
    host: '127.0.0.1',
    onread: {
      buffer,
      callback: (size) => {
        answer += buffer.latin1Slice(0, size);
        return true;
      },
    },
  });
  socket.setTimeout(PATIENCE, () => socket.destroy(new Error('no answer in time')));
  socket.on('error', (error) => {
    failure = error.code ?? error.message;
  });
  socket.on('close', () => {
    const pid = /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\n(\d+)\n$/s.exec(answer)?.[1];
    done(pid, failure ?? (pid === undefined ? 'cut answer' : undefined));
  });
  socket.write(request);
}
