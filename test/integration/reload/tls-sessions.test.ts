/** TLS sessions that one worker began and any other resumes, because the master gives all of them the same ticket keys. */

import { once } from 'node:events';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { connect } from 'node:tls';
import { expect, test } from 'vitest';
import { sendSignal, startReadyFleet, tlsMaterial } from '../../helpers/index.js';

const { keyFile, certFile, cert } = tlsMaterial();
const CONNECTIONS = 30;

interface Visit {
  readonly pid: number;
  readonly resumed: boolean;
}

type Client = Pick<ConnectionOptions, 'minVersion' | 'maxVersion'>;

function open(port: number, client: Client, session?: Buffer): TLSSocket {
  return connect({
    host: '127.0.0.1',
    port,
    ca: cert,
    servername: 'localhost',
    ...client,
    ...(session && { session }),
  });
}

/** The first ticket that a new connection gets. In TLS 1.3 it comes after the application's first bytes. */
async function newSession(port: number, client: Client): Promise<Buffer> {
  const socket = open(port, client);
  try {
    const [ticket] = (await once(socket, 'session')) as [Buffer];
    return ticket;
  } finally {
    socket.destroy();
  }
}

/** One connection, up to the server's greeting. */
async function visit(port: number, client: Client, session: Buffer): Promise<Visit> {
  const socket = open(port, client, session);
  try {
    const [greeting] = (await once(socket, 'data')) as [Buffer];
    return { pid: Number(greeting), resumed: socket.isSessionReused() };
  } finally {
    socket.destroy();
  }
}

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'a %s session resumes on every worker, also on one that took over',
  async (version) => {
    const options = { workers: 3, tls: { keyFile, certFile } };
    const { master, pids, port } = await startReadyFleet({ serve: 'tls', options });
    const only = { minVersion: version, maxVersion: version };
    const session = await newSession(port, only);
    const hosts = new Set<number>();
    for (let i = 0; i < CONNECTIONS; i++) {
      if (i === CONNECTIONS / 2) {
        sendSignal(pids[0] as number, 'SIGKILL');
        await master.event('onChildRecover');
      }
      const next = await visit(port, only, session);
      expect(next.resumed, `connection ${i}, on worker ${next.pid}`).toBe(true);
      hosts.add(next.pid);
    }
    expect(hosts.size).toBeGreaterThan(1);
  },
);
