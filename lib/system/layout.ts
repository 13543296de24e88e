/** Which descriptor a worker finds at which number: counted here, for its command, its environment and what the master promises it. */

import type { InitMessage } from '../protocol/protocol.cjs';
import { ENV, FIRST_FD } from '../protocol/protocol.cjs';
import type { CommandFile } from '../types.js';
import type { OpenListener } from './open-listener.js';

export interface InheritedSockets {
  /** What the worker of a slot gets from the master, in the order of `listen`: from {@link FIRST_FD} up in the worker. */
  readonly files: readonly CommandFile[];
  /** What `init` says of every listener. */
  readonly wires: InitMessage['listeners'];
}

export function inheritedSockets(listeners: readonly OpenListener[], slot: number): InheritedSockets {
  const files: CommandFile[] = [];
  const wires = listeners.map((listener) => {
    const fd = inheritedFd(listener, slot);
    if (fd === null) return { ...listener.wire, fd };
    const { address } = listener;
    return { ...listener.wire, fd: FIRST_FD + files.push({ fd, name: address.name, address }) - 1 };
  });
  return { files, wires };
}

/** The master's number of the descriptor that the worker of a slot inherits; `null` when the worker binds its own. */
function inheritedFd({ fd, shards }: OpenListener, slot: number): number | null {
  return shards === undefined ? fd : (shards.fds[slot] ?? null);
}

/** What a worker gets beside its listeners: the master's numbers. */
export interface Channels {
  readonly control: number;
  /** `'sharded'`: where descriptors of other slots' sockets arrive. */
  readonly adoption?: number | undefined;
  /** A hosted program: where the listeners arrive that it asks for. */
  readonly reply?: number | undefined;
  /** The memory that workers in line share. */
  readonly board?: number | undefined;
  /** The memory in which workers count. */
  readonly scoreboard?: number | undefined;
}

/** The descriptors from {@link FIRST_FD} up, and the variables that say where in the worker the channels are. */
export function layoutOf(
  files: readonly CommandFile[],
  channels: Channels,
): { readonly fds: readonly number[]; readonly environment: Readonly<Record<string, number>> } {
  const fds = files.map(({ fd }) => fd);
  const environment: Record<string, number> = {};
  const put = (variable: string, fd: number | undefined): void => {
    if (fd !== undefined) environment[variable] = FIRST_FD + fds.push(fd) - 1;
  };
  put(ENV.controlFd, channels.control);
  put(ENV.adoptionFd, channels.adoption);
  put(ENV.replyFd, channels.reply);
  put(ENV.scoreboardFd, channels.scoreboard);
  put(ENV.boardFd, channels.board);
  return { fds, environment };
}
