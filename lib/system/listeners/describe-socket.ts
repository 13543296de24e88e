/** Words for a descriptor that the master was given. */

import type { InspectedSocket } from '../../addon/native.cjs';
import { placeText } from '../../common/system-error.js';
import type { NotASocket } from './not-a-socket.js';

export interface Described {
  readonly socket: InspectedSocket;
  /** It is no socket. */
  readonly fifo?: NotASocket;
}

/** For a message: what the descriptor turned out to be. */
export function describe({ fifo, socket: { family, type, listening, address, port, ipv6Only } }: Described): string {
  if (fifo !== undefined) return fifo.what;
  if (family === 'other') return 'no internet or unix socket';
  const place = port === undefined ? address : placeText(address, port);
  const kind =
    type === 'stream'
      ? `${listening ? 'a listening' : 'a stream socket that does not listen, '}`
      : 'no stream socket, ';
  const name = ipv6Only ? 'IPv6-only' : family;
  return listening && type === 'stream' ? `${kind} ${name} socket on ${place}` : `${kind}${name} ${place}`.trimEnd();
}
