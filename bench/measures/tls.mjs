// How often a TLS client that comes back can resume its session, whichever worker it meets.
import { once } from 'node:events';
import { connect } from 'node:tls';
import { say } from '../lib/report.mjs';
import { testCertificate } from '../lib/servers/app.mjs';
import { withServer } from '../lib/servers.mjs';
import { sections } from '../sections/tls.mjs';

export { sections };
export const title = 'TLS session resumption';

const MODES = ['single', 'cluster', 'none', 'shared', 'sharded', 'reuseport'];
const WORKERS = 4;
/** Connections, and how many of the last stay open, so that further ones meet other workers. */
const [COUNT, OPEN] = [200, 16];

export async function run({ quick, peers }) {
  const modes = {};
  const { key, cert } = testCertificate();
  for (const mode of MODES) {
    say(`TLS: ${mode}`);
    const preforked = ['shared', 'sharded', 'reuseport'].includes(mode);
    const options = preforked ? { tls: { key: String(key), cert: String(cert) } } : { app: { tls: true } };
    modes[mode] = await withServer(mode, { workers: WORKERS, app: {}, ...options }, peers, ({ port }) =>
      resume(port, quick ? COUNT / 4 : COUNT, cert),
    );
  }
  return { modes, workers: WORKERS };
}

async function resume(port, count, ca) {
  const open = [];
  const pids = new Set();
  let session;
  let resumed = 0;
  try {
    // The first connection has no session to resume.
    for (let i = 0; i <= count; i++) {
      const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca, session });
      open.push(socket);
      // A server that resumes gives no new ticket.
      socket.on('session', (ticket) => {
        session = ticket;
      });
      await once(socket, 'secureConnect');
      if (socket.isSessionReused()) resumed++;
      socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
      const [answer] = await once(socket, 'data');
      pids.add(/\r\n\r\n(\d+)\n$/.exec(String(answer))[1]);
      socket.on('error', () => {});
      if (open.length > OPEN) open.shift().destroy();
    }
    return { count, resumed, workers: pids.size };
  } finally {
    for (const socket of open) socket.destroy();
  }
}
