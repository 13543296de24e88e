/** The servers of this process that listen on what it has asked for: they serve connections of other slots, too (`sharing: 'sharded'`). */

import type { Server } from 'node:net';
import type { WireListener } from '../../protocol/protocol.cjs';

interface Listening {
  readonly server: Server;
  readonly wire: WireListener;
}

export class Asked {
  readonly #byNumber = new Map<number, Listening>();

  listens(server: Server, wire: WireListener): void {
    if (wire.index !== undefined) this.#byNumber.set(wire.index, { server, wire });
  }

  closed({ index }: WireListener): void {
    if (index !== undefined) this.#byNumber.delete(index);
  }

  readonly of = (listener: number): Listening | undefined => this.#byNumber.get(listener);
}
