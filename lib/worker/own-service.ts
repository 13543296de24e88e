/** A program that calls prefork(): its `serve` starts servers on the listeners of the fleet. */

import type { Server } from 'node:net';
import { showAddress } from '../common/log.js';
import type { Settings } from '../options/settings.js';
import type { WireListener } from '../protocol/protocol.cjs';
import { checkServed, serversOfShards } from './accepting/bound-servers.js';
import { InheritedServers } from './accepting/inherited-servers.js';
import { checkSecure, logCleartext } from './accepting/secure-servers.js';
import { leave } from './after-drain.js';
import { type Serving, startServing } from './serve.js';
import type { Boot, Service } from './service.js';
import { forgotReturn, warnIfUnreturned } from './unreturned.js';

/** @param sharded Whether the worker accepts for other slots. */
export function ownService(settings: Pick<Settings, 'serve' | 'readyTimeout'>, sharded: boolean): Service {
  return { serve: (boot) => serve(settings, sharded, boot), leave, hearsOfDrain: false, mayEnd: false };
}

async function serve(settings: Pick<Settings, 'serve' | 'readyTimeout'>, sharded: boolean, boot: Boot): Promise<void> {
  const { context, wires, tls, drain, admission, log, track } = boot;
  const inherited = new InheritedServers(wires, track);
  const started = ({ servers, adopters }: Serving): void => {
    for (const server of servers) track(server);
    for (const helper of adopters) {
      drain.trackAdopter(helper);
      if (servers[0] !== undefined) admission.trackHelper(helper, servers[0]);
    }
  };
  const { servers: known, silent } = await startServing(settings, context, inherited, started, (server, socket) =>
    admission.admit(server, socket),
  );
  if (silent) await silentlyReady(settings, inherited, boot);
  if (!boot.booting()) return;
  const servers = silent ? inherited.servers : known;
  checkServed(servers, wires);
  if (tls !== undefined) {
    checkSecure(servers, wires, tls.read);
    // The other slots serve the same.
    if (context.id === 0) logCleartext(servers, wires, log);
  }
  if (sharded) await boot.adopt(acceptors(settings, servers, wires));
}

/** By listener: the server that its connections are for. */
function acceptors(
  { serve }: Pick<Settings, 'serve'>,
  servers: readonly Server[],
  wires: readonly WireListener[],
): readonly (Server | undefined)[] {
  const readyMade = typeof serve === 'function' ? undefined : servers[0];
  return readyMade === undefined ? serversOfShards(servers, wires) : wires.map(() => readyMade);
}

/** `serve` returned no server: the program says when it serves, unless it cannot. */
async function silentlyReady(
  { serve, readyTimeout }: Pick<Settings, 'serve' | 'readyTimeout'>,
  inherited: InheritedServers,
  { calledReady: said, wires, log }: Boot,
): Promise<void> {
  if (forgotReturn(serve)) return await Promise.race([said, inherited.any]);
  const where = wires.map(showAddress).join(', ');
  warnIfUnreturned({ said, inherited, where, log, readyTimeout });
  await said;
}
