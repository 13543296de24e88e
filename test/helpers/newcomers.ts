/** Clients that connect while a listener may not answer them. */

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A connection that is under way; it may fail. It ends with the test. */
export function newcomer(port: number, host = '127.0.0.1'): Socket {
  const socket = connect(port, host);
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  return socket;
}

/** Over loopback the kernel finishes a handshake within connect(2) itself: a round trip of another socket later it is decided. */
export async function roundTrip(): Promise<void> {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  await once(newcomer((other.address() as AddressInfo).port), 'connect');
  other.close();
}
