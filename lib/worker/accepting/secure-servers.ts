/** Whether a fleet with certificates speaks TLS: a worker that answers only in cleartext fails its boot, and the log names what is without. */

import type { Server } from 'node:net';
import { invalidOption } from '../../common/errors.js';
import { type Log, showAddress } from '../../common/log.js';
import type { WireListener } from '../../protocol/protocol.cjs';
import { isHttp1 } from '../drain/http1.js';
import { isHttp2 } from '../drain/http2.js';
import { isPromised } from './bound-servers.js';

/** A TLS server of any protocol. */
export function isSecure(server: Server): server is Server & { setSecureContext(options: object): void } {
  return 'setSecureContext' in server;
}

/**
 * The option `tls` was given, so at least one server has to use it. A net.Server can do so by itself, and so can a server that listens
 * later: both need `worker.tls`. An http server without TLS cannot, and no second server can listen where it does.
 * @param read The program has read `worker.tls`.
 * @throws TypeError `ERR_PREFORK_INVALID_OPTION`
 */
export function checkSecure(servers: readonly Server[], wires: readonly WireListener[], read: boolean): void {
  if (servers.some(isSecure)) return;
  if (read && inCleartext(servers, wires).length < wires.length) return;
  const allowed =
    'used by a server of the worker, or left out: https.createServer(worker.tls, …), http2.createSecureServer(worker.tls, …) ' +
    'or tls.createServer(worker.tls, …); a net.Server that speaks TLS by itself reads worker.tls in serve';
  const shown = `${servers.length === 0 ? 'no server' : 'only servers without TLS'} on ${wires.map(showAddress).join(', ')}`;
  throw invalidOption('tls', undefined, allowed, { shown });
}

/** Redirects to https are served so, and so is what has lost its TLS: the operator knows which. */
export function logCleartext(servers: readonly Server[], wires: readonly WireListener[], log: Log): void {
  for (const wire of inCleartext(servers, wires)) {
    log.info(`listener '${wire.name}' (${showAddress(wire)}) is served without TLS`, { event: 'listen' });
  }
}

/** Those of http and HTTP/2 servers that cannot speak TLS. A net.Server may do so by itself. */
function inCleartext(servers: readonly Server[], wires: readonly WireListener[]): WireListener[] {
  return wires.filter((wire) => {
    const bound = servers.filter((server) => isPromised(server, [wire]));
    return bound.some((server) => isHttp1(server) || isHttp2(server)) && !bound.some(isSecure);
  });
}
