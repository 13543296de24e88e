/** The worker's hands on Windows: sockets that the master duplicated for it, and a watch of their queues. */

import type { WindowsAddon } from '../../addon/native-windows.cjs';
import { controlPipes, windowsBoot } from '../../boot/windows.cjs';
import { PreforkError } from '../../common/errors.js';
import { Channel } from '../../protocol/channel.js';
import { overPipes } from '../../protocol/ends-windows.js';
import type { WireListener } from '../../protocol/protocol.cjs';
import { FROM_MASTER } from '../../protocol/what-masters-say.js';
import type { Listener } from '../../types.js';
import { AcceptingSocket } from '../accepting/accepting-socket.js';
import { verified } from '../accepting/inherited.js';
import { NO_ACTIVITY } from '../drain/quiet.js';
import type { WorkerChannel, WorkerSystem } from './worker-system.js';

export function windowsSystem(native: WindowsAddon): WorkerSystem {
  const sockets: AcceptingSocket[] = [];
  return {
    boot: windowsBoot(() => native),
    // The socket behind a connection of Node's is out of reach.
    activity: NO_ACTIVITY,
    openChannel(identity, events) {
      const pipes = controlPipes(identity);
      if (pipes === undefined) return undefined;
      const channel: WorkerChannel = new Channel(overPipes(pipes.control, pipes.report), FROM_MASTER, events);
      channel.send({ type: 'listening' });
      return channel;
    },
    adopt: (wires) =>
      wires.map((wire) => {
        const socket = adoptSocket(native, wire);
        sockets.push(socket);
        return listenerOf(wire, socket);
      }),
    // Nothing calls listen(2) again.
    restoreBacklogs() {},
    // A process of Windows has no limit of descriptors.
    acceptLines: () => ({
      of: (server) => {
        const socket = sockets.find((candidate) => candidate.serves(server));
        return socket && { leave: () => socket.pause(), enter: () => socket.resume(), close() {} };
      },
      look() {},
    }),
    adoptions: () => Promise.reject(new PreforkError('ERR_PREFORK_UNSUPPORTED', "sharing: 'sharded' needs Linux")),
    acceptQueued() {
      for (const socket of sockets) socket.accept();
    },
    queued: () => undefined,
    arriving: () => 0,
    refuse() {},
    seal: () => false,
  };
}

function adoptSocket(native: WindowsAddon, wire: WireListener): AcceptingSocket {
  const { family, boundAs, port, handover } = wire;
  if (family === 'unix' || port === undefined || handover === undefined) {
    throw new PreforkError(
      'ERR_PREFORK_INHERITED_LISTENER',
      `The master sent no socket for the listener '${wire.name}'`,
    );
  }
  const socket = native.adoptSocket(Buffer.from(handover, 'base64'));
  return new AcceptingSocket(native, verified(native, wire, socket), { address: boundAs, family, port });
}

function listenerOf({ name, family, address, port }: WireListener, socket: AcceptingSocket): Listener {
  return {
    get handle() {
      return socket.handle;
    },
    name,
    family,
    address,
    ...(port !== undefined && { port }),
  };
}
